package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.CleanupReport.InUse;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.orphan.RunState.Foreign;
import dev.terrarium.orphan.RunState.Live;
import dev.terrarium.orphan.RunState.OfAnotherBoot;
import dev.terrarium.orphan.RunState.Unreadable;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What somebody has changed, copied, moved or linked in a state directory ends nobody, and removes
/// nothing of others. An edited `run.json` with the birthmark of a run that lived made the next
/// start kill that run.
final class ForgedFilesTest extends CleaningUp {
  static final String WATCHES_ITS_PARENT =
      "import os, signal; fd = os.pidfd_open(os.getppid()); signal.pause()";

  private final Birthmark.Choice mark = Birthmark.choose();
  private final long number = mark.chosen().orElseThrow().run();

  private OrphanDetector detector() {
    return new OrphanDetector(state, new ProcessKiller(audit::add), CleanupPolicy.defaults());
  }

  private static void rewrite(RunDirectory run, String pattern, String text) throws IOException {
    run.close();
    Path file = run.path().resolve("run.json");
    String before = Files.readString(file);
    String changed = before.replaceFirst(pattern, text);
    assertThat(changed).isNotEqualTo(before);
    Files.writeString(file, changed);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theBirthmarkOfARunWhoseLockIsHeldProvesNothing(boolean inTheLedgerToo) throws IOException {
    RunDirectory lives = newRun(mark);
    RunDirectory forged = newRun(inTheLedgerToo ? mark : Birthmark.choose());
    if (inTheLedgerToo) {
      try (ProcessRegistry ledger = ProcessRegistry.open(forged, true)) {
        ledger.reserve(ProcessName.worker("a", 1), 1);
      }
      forged.close();
    } else {
      rewrite(forged, "\"birthmark\":\\d+", "\"birthmark\":" + number);
    }
    try (Child worker = Child.marked(number, 1, "sleep", "1000")) {
      assertThat(detector().findOrphanedProcesses()).isEmpty();
      CleanupReport report = clean();
      assertThat(worker.alive()).isTrue();
      assertThat(fateOf(report, forged.path())).isEqualTo(Unreadable.class);
      assertThat(fateOf(report, lives.path())).isEqualTo(InUse.class);
      assertThat(audit).isEmpty();
    }
    lives.allClear();
    lives.close();
  }

  @Test
  void theBirthmarkOfTwoDirectoriesProvesNothing() {
    newRun(mark).close();
    newRun(mark).close();
    try (Child worker = Child.marked(number, 1, "sleep", "1000")) {
      assertThat(fates(clean())).containsOnly(Unreadable.class);
      assertThat(worker.alive()).isTrue();
      assertThat(detector().findOrphanedProcesses()).isEmpty();
      assertThat(detector().findSuspects()).anyMatch(it -> it.identity().pid() == worker.pid());
    }
  }

  /// The run that lives is in another state directory, where nobody looks for it; but the kernel
  /// shows that its warden watches a host that lives.
  @Test
  void theBirthmarkOfALivingRunOfAnotherStateDirectoryProvesNothing() throws IOException {
    RunDirectory forged = newRun(mark);
    rewrite(forged, "\"host\":\\{[^}]*}", "\"host\":{\"pid\":999999999,\"ticks\":1}");
    try (Child warden = Child.marked(number, 0, "python3", "-I", "-S", "-c", WATCHES_ITS_PARENT);
        Child worker = Child.marked(number, 1, "sleep", "1000")) {
      await().until(() -> Birthmark.watched().contains(new Birthmark(number)));
      assertThat(detector().findOrphanedProcesses()).isEmpty();
      assertThat(fates(clean())).containsExactly(Live.class);
      assertThat(worker.alive()).isTrue();
      assertThat(warden.alive()).isTrue();
    }
  }

  @Test
  void aDirectoryUnderAnotherNameProvesNothing() throws IOException {
    RunDirectory moved = newRun(mark);
    moved.close();
    Files.move(moved.path(), state.runs().resolve(RunId.generate().value()));
    try (Child worker = Child.marked(number, 1, "sleep", "1000")) {
      assertThat(fates(clean())).containsExactly(Unreadable.class);
      assertThat(worker.alive()).isTrue();
    }
  }

  @Test
  void aLinkToADirectoryElsewhereIsNotFollowed() throws IOException {
    StateDirectory other = StateDirectory.at(home.resolve("other"));
    RunId id = RunId.generate();
    RunDirectory run = RunDirectory.create(other, id, mark, home.resolve("terrarium-x"));
    run.close();
    Files.createSymbolicLink(state.runs().resolve(id.value()), run.path());
    try (Child worker = Child.marked(number, 1, "sleep", "1000")) {
      assertThat(fates(clean())).containsExactly(Unreadable.class);
      assertThat(states()).containsExactly(Unreadable.class);
      assertThat(worker.alive()).isTrue();
      assertThat(run.path().resolve("run.json")).exists();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"lock", "run.json", "ledger.jsonl", "cgroup", "audit.jsonl"})
  void aFileBehindALinkIsNotRead(String name) throws IOException {
    RunDirectory run = newRun(mark);
    run.close();
    Path elsewhere = home.resolve("elsewhere");
    Path file = run.path().resolve(name);
    if (Files.exists(file)) {
      Files.move(file, elsewhere);
    } else {
      Files.writeString(elsewhere, "secret");
    }
    Files.createSymbolicLink(file, elsewhere);
    try (Child worker = Child.marked(number, 1, "sleep", "1000")) {
      boolean needed = name.equals("lock") || name.equals("run.json");
      assertThat(fates(clean())).containsExactly(needed ? Unreadable.class : Removed.class);
      assertThat(worker.alive()).isEqualTo(needed);
      assertThat(elsewhere).exists();
      assertThat(state.path().resolve("audit.jsonl")).doesNotExist();
    }
  }

  /// `run.json` names the directory of the sockets, and all in it was removed.
  @Test
  void whatIsNoSocketIsNotRemovedForTheWordOfAFile() throws IOException {
    RunDirectory run = newRun(mark);
    Path project = Files.createDirectory(home.resolve("terrarium-project"));
    Files.writeString(project.resolve("work"), "of a week");
    rewrite(run, "terrarium-x", "terrarium-project");
    clean();
    assertThat(project.resolve("work")).hasContent("of a week");
    assertThat(run.path()).doesNotExist();
  }

  @Test
  void socketsThatSomebodyListensAtAreNotRemoved() throws IOException {
    RunDirectory run = newRun(mark);
    Path sockets = Files.createDirectory(home.resolve("terrarium-y"));
    rewrite(run, "terrarium-x", "terrarium-y");
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(sockets.resolve("s")));
      clean();
      assertThat(sockets.resolve("s")).exists();
    }
    assertThat(run.path()).doesNotExist();
  }

  @Test
  void aRunWhoseDescriptionIsRemovedIsToldByItsLedger() throws IOException {
    RunDirectory run = newRun(mark);
    try (ProcessRegistry ledger = ProcessRegistry.open(run, true)) {
      ledger.reserve(ProcessName.worker("a", 1), 1);
    }
    run.close();
    Files.delete(run.path().resolve("run.json"));
    try (Child orphan = Child.marked(number, 1, "sleep", "1000")) {
      assertThat(clean().killed()).isEqualTo(1);
      assertThat(orphan.alive()).isFalse();
    }
  }

  /// Those who looked took a run of an earlier boot and of another user for a foreign one, and the
  /// next start removed it.
  @ParameterizedTest
  @ValueSource(strings = {"\"uid\":\\d+=\"uid\":4242", "pid:\\[\\d+]=pid:[1]"})
  void isJudgedAlikeByThoseWhoLookAndThoseWhoEnd(String change) throws IOException {
    String[] parts = change.split("=", -1);
    RunDirectory earlier = newRun(mark);
    rewrite(earlier, parts[0], parts[1]);
    assertThat(states()).containsExactly(Foreign.class);
    assertThat(fates(clean())).containsExactly(Foreign.class);
    rewrite(earlier, "\"boot\":\"[^\"]+\"", "\"boot\":\"another\"");
    assertThat(states()).containsExactly(OfAnotherBoot.class);
    assertThat(fates(clean())).containsExactly(Removed.class);
  }

  @Test
  void aFileOfMonstrousSizeIsNotRead() throws IOException {
    RunDirectory run = newRun(mark);
    run.close();
    try (var file = new RandomAccessFile(run.path().resolve("run.json").toFile(), "rw")) {
      file.setLength(1L << 40);
    }
    assertThat(fates(clean())).containsExactly(Unreadable.class);
  }
}
