package dev.terrarium.wire;

import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.AnnotatedClass;
import tools.jackson.databind.introspect.NopAnnotationIntrospector;
import tools.jackson.databind.introspect.VisibilityChecker;

/// Passes on what a user's module has opened: he opens the package of his records to us, and need
/// not know who reads them for us. Asked of each class before any of its members is touched.
final class OpensToJackson extends NopAnnotationIntrospector {
  private static final long serialVersionUID = 1L;
  private static final Module OURS = OpensToJackson.class.getModule();
  private static final Module JACKSON = MapperConfig.class.getModule();

  @Override
  public VisibilityChecker findAutoDetectVisibility(
      MapperConfig<?> config, AnnotatedClass type, VisibilityChecker checker) {
    Module module = type.getRawType().getModule();
    String name = type.getRawType().getPackageName();
    if (module.isNamed() && !module.isOpen(name, JACKSON) && module.isOpen(name, OURS)) {
      module.addOpens(name, JACKSON);
    }
    return checker;
  }
}
