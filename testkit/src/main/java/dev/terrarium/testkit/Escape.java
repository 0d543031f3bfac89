package dev.terrarium.testkit;

import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Procs.Proc;
import java.time.Duration;
import java.util.List;
import org.awaitility.core.ConditionFactory;

/// How processes get away from everybody who would look after them: their JVM stands still while
/// their warden is killed, and then is killed itself. What had left its worker's group is an orphan
/// then.
public final class Escape {
  private Escape() {}

  /// Kills a host with its warden, and waits until only those are left that nobody looks after.
  ///
  /// @param host with one runtime
  /// @param left how many have left their workers' groups
  /// @return them
  public static List<Proc> from(Jvm host, int left) {
    Proc warden = warden(host.pid());
    long birthmark = Procs.mark(warden.pid()).orElseThrow();
    host.pause();
    soon().until(() -> Procs.state(host.pid()).orElse('?') == 'T');
    Signals.kill(warden);
    soon().until(() -> Procs.marked(birthmark).size() == left);
    host.kill();
    host.awaitExit();
    List<Proc> escaped = Procs.marked(birthmark);
    if (escaped.size() != left) {
      throw new AssertionError("%d were to get away, not %s".formatted(left, escaped));
    }
    return escaped;
  }

  /// The warden of a JVM's only runtime.
  public static Proc warden(long host) {
    return soon()
        .until(
            () ->
                Procs.descendants(host).stream()
                    .filter(proc -> proc.parent() == host && Procs.mark(proc.pid()).isPresent())
                    .toList(),
            found -> found.size() == 1)
        .getFirst();
  }

  private static ConditionFactory soon() {
    return await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(10));
  }
}
