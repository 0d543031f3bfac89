package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Jvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FlockTest {
  /// Says whether a lock can be had.
  static final class Asker {
    public static void main(String[] arguments) throws IOException, InterruptedException {
      Optional<Flock> lock = Flock.existing(Path.of(arguments[0]));
      System.out.println("free " + lock.isPresent());
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @TempDir Path directory = Path.of("");

  @Test
  void excludesASecondOneInThisJvm() throws IOException {
    Path file = directory.resolve("lock");
    try (Flock _ = Flock.create(file).orElseThrow()) {
      assertThat(Flock.create(file)).isEmpty();
      assertThat(Flock.existing(file)).isEmpty();
    }
    Flock.existing(file).orElseThrow().close();
  }

  @Test
  void saysInWordsWhyItCannotBeOpened() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    Path loop = directory.resolve("loop");
    Files.createSymbolicLink(loop, loop);
    assertThatThrownBy(() -> Flock.existing(directory)).hasMessageContaining("is a directory");
    assertThatThrownBy(() -> Flock.existing(file.resolve("lock")))
        .hasMessageContaining("not a directory");
    assertThatThrownBy(() -> Flock.existing(loop)).hasMessageContaining("symbolic links");
  }

  @Test
  void outlivesAnotherReaderOfTheFileInThisJvm() throws IOException {
    Path file = directory.resolve("lock");
    try (Flock _ = Flock.create(file).orElseThrow()) {
      assertThat(Files.readAllBytes(file)).isEmpty();
      try (Jvm other = Jvm.start(Asker.class, file.toString())) {
        assertThat(other.awaitLine("free ")).isEqualTo("false");
      }
    }
  }

  @Test
  void isFreeWhenItsJvmWasKilled() throws IOException {
    Path file = directory.resolve("lock");
    Flock.create(file).orElseThrow().close();
    try (Jvm other = Jvm.start(Asker.class, file.toString())) {
      assertThat(other.awaitLine("free ")).isEqualTo("true");
      assertThat(Flock.existing(file)).isEmpty();
      other.kill();
      other.awaitExit();
      Flock.existing(file).orElseThrow().close();
    }
  }

  @Test
  void isNotInheritedByAChild() throws IOException {
    Path file = directory.resolve("lock");
    Flock lock = Flock.create(file).orElseThrow();
    try (Child _ = Child.start("sleep", "1000")) {
      lock.close();
      Flock.existing(file).orElseThrow().close();
    }
  }

  @Test
  void isGoneAfterTheFirstCloseAndTheSecondDoesNothing() throws IOException {
    Path file = directory.resolve("lock");
    Flock lock = Flock.create(file).orElseThrow();
    lock.close();
    try (Flock _ = Flock.existing(file).orElseThrow()) {
      lock.close();
      assertThat(Flock.existing(file)).isEmpty();
    }
  }

  @Test
  void isSeenByWhoeverLooksAndTakenFromNobody() throws IOException {
    Path file = directory.resolve("lock");
    try (Flock _ = Flock.create(file).orElseThrow()) {
      assertThat(Flock.isHeld(file)).isTrue();
      assertThat(Flock.isHeld(file)).isTrue();
      assertThat(Flock.existing(file)).isEmpty();
    }
    assertThat(Flock.isHeld(file)).isFalse();
    Flock.existing(file).orElseThrow().close();
  }

  @Test
  void saysWhyAFileCannotBeOpened() {
    assertThatThrownBy(() -> Flock.existing(directory.resolve("none")))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll("none", "ENOENT");
  }
}
