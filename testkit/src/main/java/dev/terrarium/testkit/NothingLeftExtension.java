package dev.terrarium.testkit;

import java.util.function.UnaryOperator;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/// Asserts after every test, and once more after every class, whose tests may share what they use,
/// that nothing was left behind: no process, no thread of ours, no descriptor, no socket or
/// directory, no shared memory. What is on its way out has five seconds.
///
/// For one class by [NothingLeft]; for all classes of a module by
/// `junit.jupiter.extensions.autodetection.enabled=true` in its `junit-platform.properties`.
public final class NothingLeftExtension
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
  private static final Namespace NAMESPACE = Namespace.create(NothingLeftExtension.class);

  @Override
  public void beforeAll(ExtensionContext context) {
    remember(context);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    remember(context);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    check(context, Leftovers::allowingKeptMemory); // its class's runtime may live on
  }

  @Override
  public void afterAll(ExtensionContext context) {
    check(context, UnaryOperator.identity());
  }

  // Under a key of its own: a test's store shows its class's entries as well.
  private static void remember(ExtensionContext context) {
    WarmUp.once();
    context.getStore(NAMESPACE).computeIfAbsent(context.getUniqueId(), _ -> Leftovers.now());
  }

  private static void check(ExtensionContext context, UnaryOperator<Leftovers> allowing) {
    Leftovers before = context.getStore(NAMESPACE).remove(context.getUniqueId(), Leftovers.class);
    if (before != null) {
      allowing.apply(before).assertNothingNew(Leftovers.PATIENCE);
    }
  }
}
