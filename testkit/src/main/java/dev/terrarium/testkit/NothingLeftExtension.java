package dev.terrarium.testkit;

import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/// Asserts after every test that it left nothing behind: no process, no thread of ours, no
/// descriptor, no socket or directory, no shared memory. What is on its way out has five seconds.
///
/// For one class by [NothingLeft]; for all classes of a module by
/// `junit.jupiter.extensions.autodetection.enabled=true` in its `junit-platform.properties`.
public final class NothingLeftExtension implements BeforeEachCallback, AfterEachCallback {
  private static final Namespace NAMESPACE = Namespace.create(NothingLeftExtension.class);

  @Override
  public void beforeEach(ExtensionContext context) {
    WarmUp.once();
    context.getStore(NAMESPACE).computeIfAbsent(Leftovers.class, _ -> Leftovers.now());
  }

  @Override
  public void afterEach(ExtensionContext context) {
    Leftovers before = context.getStore(NAMESPACE).remove(Leftovers.class, Leftovers.class);
    if (before != null) {
      before.assertNothingNew(Leftovers.PATIENCE);
    }
  }
}
