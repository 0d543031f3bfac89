package dev.terrarium.wire;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.ValueException;
import java.security.CodeSource;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.Version;

/// The libraries of Jackson that this program has, and whether they go together. A build that
/// manages one of them alone takes no account of what the others need: the BOM of Spring Boot 3
/// gives data binding 3 the annotations of Jackson 2.19.
///
/// Jackson's rule: data binding 3.N needs a core of 3.N and annotations of 2.(20 + N), or newer.
/// (3.0 gets by with older ones.)
public final class Jackson {
  private static final String CORE = "tools.jackson.core:jackson-core";
  private static final String DATABIND = "tools.jackson.core:jackson-databind";
  private static final String ANNOTATIONS = "com.fasterxml.jackson.core:jackson-annotations";

  /// Belongs to data binding 3.0.
  private static final int ANNOTATIONS_MINOR = 20;

  /// The annotations tell their release nowhere but in what it has brought. Newest first; 2.20 has
  /// brought nothing that data binding needs, so the last is as old as they are.
  private static final List<News> NEWS =
      List.of(
          new News(22, "com.fasterxml.jackson.annotation.JsonApplyView"),
          new News(21, "com.fasterxml.jackson.annotation.JsonSerializeAs"),
          new News(ANNOTATIONS_MINOR, "com.fasterxml.jackson.annotation.JsonProperty"));

  /// A release 2.`minor`, and a class that none before it had.
  private record News(int minor, String className) {
    @Nullable Class<?> find() {
      try {
        ClassLoader usedByDataBinding =
            tools.jackson.databind.cfg.PackageVersion.class.getClassLoader();
        return Class.forName(className, false, usedByDataBinding);
      } catch (ClassNotFoundException | LinkageError e) {
        return null;
      }
    }
  }

  private Jackson() {}

  /// Whether values can be carried with them. Loads a handful of small classes and nothing of the
  /// data binding.
  ///
  /// @throws StartFailedException saying what does not fit, where it lies, and what to do
  public static void check() {
    String problem = problemOrNull();
    if (problem != null) {
      throw new StartFailedException(Reason.LIBRARIES, problem);
    }
  }

  /// For a value on whose way some class could not be linked, one of Jackson or one of the user's.
  static ValueException unusable(String path, LinkageError error) {
    String problem = problemOrNull();
    return new ValueException(
        path,
        "%s: %s"
            .formatted(
                error,
                problem == null
                    ? "a class that this value needs is missing, or does not fit another one"
                    : problem),
        error);
  }

  private static @Nullable String problemOrNull() {
    Version core = coreOrNull();
    if (core == null) {
      return missing(CORE, "3." + (NEWS.getFirst().minor() - ANNOTATIONS_MINOR));
    }
    Version databind = databindOrNull();
    if (databind == null) {
      return missing(DATABIND, core.toString());
    }
    int minor = databind.getMinorVersion();
    if (core.getMinorVersion() < minor) {
      return tooOld(CORE, core.toString(), Version.class, databind, databind.toString());
    }
    int needed = ANNOTATIONS_MINOR + minor;
    for (News each : NEWS) {
      Class<?> found = each.find();
      if (found != null) {
        return each.minor() >= Math.min(needed, NEWS.getFirst().minor())
            ? null
            : tooOld(ANNOTATIONS, versionOf(found), found, databind, "2." + needed);
      }
    }
    return missing(ANNOTATIONS, "2." + needed);
  }

  private static @Nullable Version coreOrNull() {
    try {
      return tools.jackson.core.json.PackageVersion.VERSION;
    } catch (LinkageError e) {
      return null;
    }
  }

  private static @Nullable Version databindOrNull() {
    try {
      return tools.jackson.databind.cfg.PackageVersion.VERSION;
    } catch (LinkageError e) {
      return null;
    }
  }

  private static String missing(String library, String version) {
    return "There is no %s, without which no value can be carried. %s"
        .formatted(library, remedy(library, version));
  }

  private static String tooOld(
      String library, String version, Class<?> found, Version databind, String needed) {
    return "jackson-databind %s (%s) needs %s %s or newer, and there is %s (%s): something manages that version alone, as the BOM of Spring Boot 3 does with the annotations. %s"
        .formatted(
            databind,
            placeOf(tools.jackson.databind.cfg.PackageVersion.class),
            library.replaceFirst(".*:", ""),
            needed,
            version,
            placeOf(found),
            remedy(library, needed));
  }

  private static String remedy(String library, String version) {
    return "Maven: name %1$s:%2$s in <dependencyManagement>. Gradle: implementation(\"%1$s:%2$s\"), and with Spring's plugin dependencyManagement { dependencies { dependency(\"%1$s:%2$s\") } }"
        .formatted(library, version);
  }

  /// As its manifest says, which in a jar of several libraries is somebody else's.
  private static String versionOf(Class<?> annotation) {
    Package all = annotation.getPackage();
    boolean own = "Jackson-annotations".equalsIgnoreCase(all.getImplementationTitle());
    return own ? String.valueOf(all.getImplementationVersion()) : "an older one";
  }

  private static String placeOf(Class<?> type) {
    CodeSource source = type.getProtectionDomain().getCodeSource();
    return source == null ? "of unknown place" : String.valueOf(source.getLocation());
  }
}
