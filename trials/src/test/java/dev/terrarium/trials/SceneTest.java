package dev.terrarium.trials;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A survivor is planted, and each of the looks finds it, alone.
@Timeout(60)
final class SceneTest {
  private static final long RUN = (1L << 60) + 987_654_321;
  private static final Duration SHORT = Duration.ofMillis(50);

  @TempDir Path folder;

  private Scene scene(String cookie) {
    return new Scene(cookie, List.of(traces()), _ -> false);
  }

  private Traces traces() {
    return Traces.make(folder.resolve("tenant-0"));
  }

  private static Proc proc(Child child) {
    return Procs.find(child.pid()).orElseThrow();
  }

  private void write(Child child, String what) throws IOException {
    String line = "%d %d %s%n".formatted(child.pid(), proc(child).startTicks(), what);
    Files.writeString(traces().folder().resolve("kin"), line);
  }

  @Test
  void nobodyIsFoundWhereNobodyIs() {
    Scene scene = scene("nobody has this");
    scene.bears(RUN);
    assertThat(scene.awaitNobody(SHORT)).isEmpty();
  }

  @Test
  void whoBearsTheBirthmarkIsFound() {
    try (Child child = Child.marked(RUN, 3, "sleep", "1000")) {
      Scene scene = scene("nobody has this");
      assertThat(scene.awaitNobody(SHORT)).isEmpty();
      scene.bears(RUN);
      assertThat(scene.awaitNobody(SHORT)).singleElement().asString().contains("" + child.pid());
    }
  }

  @Test
  void whoHasTheEnvironmentIsFound() {
    String cookie = "planted";
    try (Child child = Child.start("env", Scene.COOKIE + "=" + cookie, "sleep", "1000")) {
      assertThat(Until.holds(() -> scene(cookie).left().size() == 1, Until.PATIENCE)).isTrue();
      assertThat(scene(cookie).left()).singleElement().matches(proc(child)::is);
      assertThat(scene("another").left()).isEmpty();
      Scene excused = new Scene(cookie, List.of(), proc(child)::is);
      assertThat(excused.left()).isEmpty();
    }
  }

  @Test
  void whoWroteItselfDownIsFound() throws IOException {
    try (Child child = Child.start("sleep", "1000")) {
      write(child, "daemon");
      assertThat(scene("nobody has this").awaitNobody(SHORT)).hasSize(1);
    }
    assertThat(scene("nobody has this").awaitNobody(SHORT)).isEmpty();
  }

  @Test
  void whoStoodBelowTheHostIsFound() {
    try (Child host = Child.start("bash", "-c", "sleep 1000 & wait")) {
      Until.holds(() -> !Procs.descendants(host.pid()).isEmpty());
      Scene scene = scene("nobody has this");
      assertThat(scene.look(proc(host))).isEqualTo(1);
      assertThat(scene.awaitNobody(SHORT)).hasSize(2);
      host.kill();
      assertThat(scene.awaitNobody(SHORT)).singleElement().asString().contains("sleep 1000");
      scene.clear();
      assertThat(scene.awaitNobody(SHORT)).isEmpty();
    }
  }

  @Test
  void aChainIsFoundByItsLock() throws IOException {
    Path lock = Files.createFile(traces().folder().resolve("chain"));
    try (Child child = Child.start("flock", lock.toString(), "sleep", "1000")) {
      Until.holds(() -> traces().chained() && !Procs.descendants(child.pid()).isEmpty());
      assertThat(scene("nobody has this").survivors()).containsExactly("a fork chain of tenant-0");
      assertThat(child.alive()).isTrue();
      Procs.descendants(child.pid()).forEach(dev.terrarium.testkit.Signals::kill);
    }
    Until.holds(() -> !traces().chained()); // who has been killed has his descriptors for a moment
  }

  @Test
  void aWorkersChildThatLivesLongerIsToldFromOneThatIsGone() throws IOException {
    try (Child worker = Child.start("sleep", "1000");
        Child kin = Child.start("sleep", "1000")) {
      String lines =
          "%d %d worker%n%d %d group%n"
              .formatted(
                  worker.pid(), proc(worker).startTicks(), kin.pid(), proc(kin).startTicks());
      Files.writeString(traces().folder().resolve("kin"), lines);
      var cell = new CellWatch(new Tenancy(State.IDLE, Kin.GROUP, Fate.CRASH), traces());
      worker.kill();
      assertThat(cell.isOver()).isFalse();
      assertThat(cell.result(0).survivors()).hasSize(1);
      kin.kill();
      assertThat(cell.isOver()).isTrue();
      assertThat(cell.result(0).survivors()).isEmpty();
      assertThat(cell.result(0).millis()).isPositive();
    }
  }

  @Test
  void whoIsNotInPlaceIsNotCounted() throws IOException {
    try (Child unmarked = Child.start("sleep", "1000")) {
      write(unmarked, "worker");
      var cell = new CellWatch(new Tenancy(State.LOOP, Kin.CHAIN, Fate.CRASH), traces());
      AssertionError problem =
          requireNonNull(
              org.assertj.core.api.Assertions.catchThrowableOfType(
                  AssertionError.class, () -> cell.assertInPlace(java.util.Set.of(RUN))));
      assertThat(problem)
          .hasMessageContainingAll("not in its state", "chain: false", "another birthmark");
    }
  }
}
