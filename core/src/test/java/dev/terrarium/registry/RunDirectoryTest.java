package dev.terrarium.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.RunId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RunDirectoryTest {
  @TempDir Path home = Path.of("");

  private final RunId id = RunId.generate();
  private final Birthmark.Choice mark = Birthmark.choose();
  private StateDirectory state = new StateDirectory(home);
  private Path sockets = home;

  @BeforeEach
  void setUp() {
    state = StateDirectory.at(home.resolve("state"));
    sockets = home.resolve("terrarium-abc");
  }

  @Test
  void holdsWhoseItIs() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      assertThat(run.path()).isEqualTo(state.runs().resolve(id.value()));
      assertThat(run.logs()).isDirectory();
      RunManifest read = Json.runManifest(Files.readString(run.path().resolve("run.json")));
      assertThat(read).isEqualTo(run.manifest());
      assertThat(read.identity().host()).isEqualTo(ProcessIdentity.self());
      assertThat(read.identity().birthmark()).isEqualTo(mark.chosen());
      assertThat(read.sockets()).isEqualTo(sockets);
    }
  }

  @Test
  void doesWithoutABirthmarkWhereThereIsNone() throws IOException {
    var none = new Birthmark.Choice.Unavailable("no room");
    try (RunDirectory run = RunDirectory.create(state, id, none, sockets)) {
      String json = Files.readString(run.path().resolve("run.json"));
      assertThat(json).doesNotContain("birthmark");
      assertThat(Json.runManifest(json)).isEqualTo(run.manifest());
    }
  }

  @Test
  void isMendedWhereNothingIsMissingByDoingNothing() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      FileTime before = Files.getLastModifiedTime(run.path());
      assertThat(run.mend()).isEmpty();
      assertThat(Files.getLastModifiedTime(run.path())).isEqualTo(before);
    }
  }

  /// A cleaner of old files took the lock's file, which frees no lock and is noticed by nobody: had
  /// the JVM been killed then, no later start could have cleaned up after it.
  @Test
  void getsItsLockAgain() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      Files.delete(run.path().resolve("lock"));
      assertThat(run.mend()).containsExactly("lock");
      assertThat(RunDirectory.tryLockDead(run.path())).isEmpty();
      assertThat(RunDirectory.isLocked(run.path())).isTrue();
      assertThat(run.mend()).isEmpty();
    }
    try (DeadRun dead = RunDirectory.tryLockDead(state.runs().resolve(id.value())).orElseThrow()) {
      assertThat(dead.halfRemoved()).isFalse();
    }
  }

  /// Restored from a copy, the directory had a lock file that nobody held: to everybody else the
  /// living run was a dead one.
  @Test
  void getsItsLockAgainFromWhoeverPutAnotherFileInItsPlace() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      Path lock = run.path().resolve("lock");
      Files.delete(lock);
      Files.createFile(lock);
      assertThat(RunDirectory.isLocked(run.path())).isFalse();
      assertThat(run.mend()).containsExactly("lock");
      assertThat(RunDirectory.isLocked(run.path())).isTrue();
    }
  }

  @Test
  void isMadeAgainWithAllThatItHeld() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      run.recordCgroup(Path.of("/sys/fs/cgroup/terrarium-" + id));
      OwnFiles.remove(state.path());
      assertThat(run.mend()).containsExactly("the whole directory");
      assertThat(RunDirectory.read(run.path())).isEqualTo(run.manifest());
      assertThat(RunDirectory.isLocked(run.path())).isTrue();
      assertThat(run.logs()).isDirectory();
      assertThat(run.path().resolve("cgroup")).hasContent("/sys/fs/cgroup/terrarium-" + id);
      assertThat(run.mend()).isEmpty();
      try (var entries = Files.list(state.runs())) {
        assertThat(entries).containsExactly(run.path());
      }
    }
  }

  @Test
  void getsEachFileAgain() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      run.recordCgroup(Path.of("/sys/fs/cgroup/terrarium-" + id));
      for (String name : List.of("run.json", "logs", "cgroup")) {
        OwnFiles.remove(run.path().resolve(name));
        assertThat(run.mend()).containsExactly(name);
        assertThat(run.path().resolve(name)).exists();
      }
      assertThat(RunDirectory.read(run.path())).isEqualTo(run.manifest());
    }
  }

  @Test
  void isNotMadeAgainOnceItIsClosed() throws IOException {
    RunDirectory run = RunDirectory.create(state, id, mark, sockets);
    run.allClear();
    run.close();
    assertThat(run.mend()).isEmpty();
    assertThat(run.path()).doesNotExist();
  }

  @Test
  void leavesNoTemporaryNameBehind() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets);
        var entries = Files.list(state.runs())) {
      assertThat(entries).containsExactly(run.path());
    }
  }

  @Test
  void isLockedWhileItIsOpen() throws IOException {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      assertThat(RunDirectory.tryLockDead(run.path())).isEmpty();
    }
  }

  @Test
  void staysForTheNextStartUnlessAllIsClear() throws IOException {
    RunDirectory run = RunDirectory.create(state, id, mark, sockets);
    run.close();
    try (DeadRun dead = RunDirectory.tryLockDead(run.path()).orElseThrow()) {
      assertThat(dead.manifest()).isEqualTo(run.manifest());
      assertThat(dead.halfRemoved()).isFalse();
      dead.remove();
    }
    assertThat(run.path()).doesNotExist();
  }

  @Test
  void goesWithItsSocketsWhenAllIsClear() throws IOException {
    RunDirectory run = RunDirectory.create(state, id, mark, sockets);
    Files.createFile(Files.createDirectory(sockets).resolve("s"));
    Files.createFile(run.logs().resolve("a-1.log"));
    run.allClear();
    run.close();
    run.close();
    assertThat(run.path()).doesNotExist();
    assertThat(sockets).doesNotExist();
  }

  @Test
  void isMadeOnce() {
    try (RunDirectory run = RunDirectory.create(state, id, mark, sockets)) {
      assertThatThrownBy(() -> RunDirectory.create(state, id, mark, sockets))
          .isInstanceOf(RegistryException.class)
          .hasMessageContaining(id.value());
      assertThat(run.path()).exists();
      assertThat(state.runs().toFile().list()).containsExactly(id.value());
    }
  }

  @Test
  void acceptsSocketsOnlyWhereTheyCanBeRemovedSafely() {
    for (String path : new String[] {"/tmp", "terrarium-x", "/tmp/terrarium-x/.."}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> RunDirectory.create(state, id, mark, Path.of(path)));
    }
  }

  @Test
  void neverFollowsALinkOutOfTheDirectory() throws IOException {
    Path precious = Files.createFile(Files.createDirectory(home.resolve("p")).resolve("precious"));
    RunDirectory run = RunDirectory.create(state, id, mark, sockets);
    Files.createSymbolicLink(run.logs().resolve("link"), precious.getParent());
    Files.createSymbolicLink(sockets, precious.getParent());
    run.allClear();
    run.close();
    assertThat(precious).exists();
    assertThat(run.path()).doesNotExist();
  }

  @Test
  void isGoneForWhoComesLate() throws IOException {
    RunDirectory run = RunDirectory.create(state, id, mark, sockets);
    run.allClear();
    run.close();
    assertThatThrownBy(() -> RunDirectory.tryLockDead(run.path()))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void saysWhatToDoAboutADescriptionThatCannotBeRead() throws IOException {
    RunDirectory run = RunDirectory.create(state, id, mark, sockets);
    run.close();
    Files.writeString(run.path().resolve("run.json"), "{\"run\":\"s59m65f\"");
    try (DeadRun dead = RunDirectory.tryLockDead(run.path()).orElseThrow()) {
      assertThatThrownBy(dead::manifest)
          .isInstanceOf(RegistryException.class)
          .hasMessageContainingAll("run.json", "birthmark");
    }
  }

  @Test
  void thatWasNeverCompletedIsRemovedOnceItIsOld() throws IOException {
    Path fresh = Files.createDirectory(state.runs().resolve(".tmp-a"));
    Path old = Files.createDirectory(state.runs().resolve(".tmp-b"));
    Files.createFile(old.resolve("lock"));
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minusSeconds(120)));
    assertThat(RunDirectory.removeStaleTemporary(fresh)).isFalse();
    assertThat(RunDirectory.removeStaleTemporary(old)).isTrue();
    assertThat(old).doesNotExist();
  }
}
