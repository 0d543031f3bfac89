package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ProcessIdentityTest {
  @Test
  void ofThisJvmIsAlive() {
    assertThat(ProcessIdentity.self().alive()).isTrue();
    assertThat(ProcessIdentity.of(ProcessHandle.current().pid())).contains(ProcessIdentity.self());
  }

  @Test
  void isDeadWhenTheProcessIs() {
    ProcessIdentity identity;
    try (Child child = Child.start("sleep", "1000")) {
      identity = ProcessIdentity.of(child.pid()).orElseThrow();
      assertThat(identity.alive()).isTrue();
    }
    assertThat(identity.alive()).isFalse();
  }

  @Test
  void ofAnotherTickOrBootIsDead() {
    ProcessIdentity self = ProcessIdentity.self();
    assertThat(new ProcessIdentity(self.bootId(), self.pid(), self.startTicks() + 1).alive())
        .isFalse();
    assertThat(new ProcessIdentity("another", self.pid(), self.startTicks()).alive()).isFalse();
  }

  @Test
  void ofAZombieIsDead() {
    // The child of a parent that does not wait for it stays a zombie. The shell does not wait, and
    // becomes somebody who does not know of it.
    try (Child child = Child.start("sh", "-c", "true & exec sleep 1000")) {
      await().until(() -> !zombiesOf(child.pid()).isEmpty());
      ProcessIdentity zombie = ProcessIdentity.of(zombiesOf(child.pid()).getFirst()).orElseThrow();
      assertThat(zombie.alive()).isFalse();
    }
  }

  @Test
  void isAliveWhileAThreadOutlivesTheFirstOne() {
    // The kernel shows such a process as a zombie, although it runs code.
    String program =
        """
        import ctypes, threading, time
        threading.Thread(target=time.sleep, args=(1000,)).start()
        ctypes.CDLL(None).syscall(93 if __import__('platform').machine() == 'aarch64' else 60, 0)
        """;
    try (Child child = Child.start("python3", "-c", program)) {
      await().until(() -> ProcFs.stat(child.pid()).orElseThrow().state() == 'Z');
      ProcessIdentity identity = ProcessIdentity.of(child.pid()).orElseThrow();
      assertThat(identity.alive()).isTrue();
      assertThat(new ProcessKiller(_ -> {}).signal(identity, Signal.KILL, "test"))
          .isEqualTo(new ProcessKiller.Result.Sent(Signal.KILL));
      await().until(() -> !identity.alive());
    }
  }

  private static List<Long> zombiesOf(long parent) {
    return Procs.all().stream()
        .filter(it -> it.parent() == parent && it.state() == 'Z')
        .map(Procs.Proc::pid)
        .toList();
  }
}
