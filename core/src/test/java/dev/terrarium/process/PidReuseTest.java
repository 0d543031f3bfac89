package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.terrarium.process.ProcessKiller.Result;
import dev.terrarium.testkit.Child;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// A number that is given out again must not carry a kill with it.
///
/// Writing N-1 to `ns_last_pid` makes the kernel give N to the next process, if nobody else forks
/// in between; so it is tried often.
final class PidReuseTest {
  private static final int TRIES = 300;

  private final ProcessKiller killer = new ProcessKiller(_ -> {});
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();

  @Test
  void hitsNobodyWhoGotTheNumberAfterwards() {
    ProcessIdentity dead = deadProcess();
    try (Child innocent = withNumber(dead.pid())) {
      assertThat(killer.signal(dead, mark, Signal.KILL, "test")).isNotInstanceOf(Result.Sent.class);
      if (!ProcessKillerTest.identity(innocent).equals(dead)) {
        assertThat(killer.signal(dead, Signal.KILL, "test")).isInstanceOf(Result.AlreadyDead.class);
        assertThat(killer.escalate(dead, Duration.ZERO, "test").gone()).isTrue();
      }
      assertThat(innocent.alive()).isTrue();
    }
  }

  @Test
  void hitsNobodyWhoGotTheNumberInTheSameTick() {
    try (Child innocent = Child.start("sleep", "1000")) {
      ProcessIdentity twin = ProcessKillerTest.identity(innocent);
      assertThat(killer.signal(twin, mark, Signal.KILL, "test")).isInstanceOf(Result.NotOurs.class);
      assertThat(innocent.alive()).isTrue();
    }
  }

  @Test
  void aHandleOnTheDeadDoesNotFollowTheNumber() {
    Child first = Child.start("sleep", "1000");
    try (Pidfd handle = ((Pidfd.Opening.Opened) Pidfd.open(first.pid())).pidfd()) {
      first.close();
      try (Child innocent = withNumber(first.pid())) {
        assertThat(handle.send(Signal.KILL)).isEqualTo(Libc.ESRCH);
        assertThat(handle.dead()).isTrue();
        assertThat(innocent.alive()).isTrue();
      }
    }
  }

  private ProcessIdentity deadProcess() {
    try (Child child = Child.marked(mark.run(), 1, "sleep", "1000")) {
      return ProcessKillerTest.identity(child);
    }
  }

  private static Child withNumber(long pid) {
    for (int i = 0; i < TRIES; i++) {
      Optional<Child> child = tryNumber(pid);
      if (child.isPresent()) {
        return child.get();
      }
    }
    return abort("the number %d could not be had in %d tries".formatted(pid, TRIES));
  }

  private static Optional<Child> tryNumber(long pid) {
    setLastPid(pid - 1);
    Child child = Child.start("sleep", "1000");
    if (child.pid() == pid) {
      return Optional.of(child);
    }
    child.close();
    return Optional.empty();
  }

  private static void setLastPid(long pid) {
    try (var file = new FileOutputStream("/proc/sys/kernel/ns_last_pid")) {
      file.write(Long.toString(pid).getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      abort("ns_last_pid cannot be written here (needs root): " + e.getMessage());
    }
  }
}
