package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.terrarium.testkit.EverybodysPlace;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Nobody;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Of a pool in a PID namespace nothing is left, whoever dies together, and without any restart:
/// what has detached itself by all means included, which the same endings leave behind without one.
@Timeout(90)
final class PidNamespaceEndsTest {
  private static final String[] WORK = {"trouble.py", "3", "family", "daemon", "chain"};

  @TempDir(factory = EverybodysPlace.class)
  private Path directory;

  /// Who is ended, and how. A JVM that stands still cannot heal, nor close anything.
  enum Ending {
    JVM,
    JVM_AND_WARDEN,
    STOPPED_JVM_AND_WARDEN,
    STOPPED_JVM_AND_WARDEN_AND_HOLDER,
    JVM_WARDEN_AND_FIRST,
    JVM_AND_WARDEN_WHILE_THE_OTHERS_STAND_STILL,
    JVM_WHILE_ALL_WARDENS_STAND_STILL,
    JVM_BY_SIGTERM
  }

  /// Everybody who looks after somebody.
  record Scene(Jvm jvm, Proc warden, Proc holder, Proc first) {
    static Scene of(Jvm jvm) {
      Proc holder = Enclosed.holder(jvm.pid(), "trouble");
      return new Scene(jvm, Enclosed.warden(jvm.pid()), holder, Enclosed.first(holder));
    }

    void end(Ending ending) {
      switch (ending) {
        case JVM -> jvm.kill();
        case JVM_BY_SIGTERM -> jvm.terminate();
        case JVM_AND_WARDEN -> killWith(warden);
        case STOPPED_JVM_AND_WARDEN -> {
          jvm.pause();
          killWith(warden);
        }
        case STOPPED_JVM_AND_WARDEN_AND_HOLDER -> {
          jvm.pause();
          killWith(warden, holder);
        }
        case JVM_WARDEN_AND_FIRST -> killWith(first, warden);
        case JVM_AND_WARDEN_WHILE_THE_OTHERS_STAND_STILL -> {
          pause(holder, first);
          killWith(warden);
        }
        case JVM_WHILE_ALL_WARDENS_STAND_STILL -> {
          pause(warden, holder, first);
          jvm.kill();
        }
      }
    }

    private static void pause(Proc... some) {
      List.of(some).forEach(Signals::pause);
      Endings.soon().until(() -> Stream.of(some).allMatch(Scene::standsStill));
    }

    private static boolean standsStill(Proc proc) {
      return Procs.state(proc.pid()).orElse('?') == 'T';
    }

    private void killWith(Proc... some) {
      List.of(some).forEach(Signals::kill);
      jvm.kill();
    }
  }

  @ParameterizedTest
  @EnumSource
  void nothingIsLeft(Ending ending) {
    Enclosed.assumeOffered();
    try (Jvm jvm = Jvm.start(Victim.class, Enclosed.ENVIRONMENT, List.of(), arguments())) {
      assertNothingIsLeftAfter(ending, jvm);
    }
    NextStart.main(arguments()); // directories wait for it
    assertThat(Endings.runs(directory.resolve("home"))).isEmpty();
  }

  /// Another runtime of the same home.
  static final class NextStart {
    private NextStart() {}

    public static void main(String[] arguments) {
      Endings.runtime(Path.of(arguments[0])).close();
    }
  }

  private String[] arguments() {
    var arguments = new ArrayList<String>();
    arguments.add(directory.resolve("home").toString());
    arguments.add(directory.toString());
    arguments.addAll(List.of(WORK));
    return arguments.toArray(String[]::new);
  }

  @ParameterizedTest
  @EnumSource
  void nothingIsLeftOfAUserWithoutPrivileges(Ending ending) {
    assumeThat(Enclosed.isRoot()).as("the other test is that of such a user").isTrue();
    assumeThat(Enclosed.byUserNamespace(Nobody.command())).as("user namespaces").isTrue();
    Nobody nobody = Nobody.in(directory);
    String[] arguments = arguments();
    nobody.folder("home");
    try (Jvm jvm = nobody.start(Victim.class, Enclosed.ENVIRONMENT, arguments)) {
      assertNothingIsLeftAfter(ending, jvm);
    }
    try (Jvm next = nobody.start(NextStart.class, Map.of(), arguments)) {
      assertThat(next.awaitExit()).as(() -> String.join("\n", next.lines())).isZero();
    }
    assertThat(Endings.runs(directory.resolve("home"))).isEmpty();
  }

  private static void assertNothingIsLeftAfter(Ending ending, Jvm jvm) {
    jvm.awaitLine("ready");
    Scene scene = Scene.of(jvm);
    long birthmark = Endings.birthmark(scene.warden);
    List<Proc> known = Procs.marked(birthmark);
    // Two wardens, a holder, a zygote, three workers, four that they have started; and the chain.
    assertThat(known).hasSizeGreaterThanOrEqualTo(11);
    long begin = System.nanoTime();
    scene.end(ending);
    long millis = Endings.awaitNothingLeft(known, birthmark, begin);
    Endings.report(
        "PID namespace: SIGKILL of " + ending,
        Map.of("processes", known.size(), "left", 0, "ms", millis));
  }

  @Test
  void nothingIsLeftOfAStartThatWasUnderWay() {
    Enclosed.assumeOffered();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    System.out.println("seed " + seed);
    for (int i = 0; i < 8; i++) {
      int enough = random.nextInt(1, 13);
      String[] arguments = {directory.resolve("home").toString(), "", "trouble.py", "10"};
      try (Jvm jvm = Jvm.start(Victim.class, Enclosed.ENVIRONMENT, List.of(), arguments)) {
        long birthmark = Endings.birthmark(Enclosed.warden(jvm.pid()));
        Endings.soon().until(() -> Procs.marked(birthmark).size() >= enough);
        List<Proc> known = Procs.marked(birthmark);
        long begin = System.nanoTime();
        jvm.kill();
        Endings.awaitNothingLeft(known, birthmark, begin);
      }
    }
  }

  /// What the namespace is good for.
  @Test
  void withoutOneADaemonSurvivesThePairsEndUntilTheNextStart() {
    String[] arguments = arguments();
    try (Jvm jvm = Jvm.start(Victim.class, arguments)) {
      jvm.awaitLine("ready");
      Proc warden = Enclosed.warden(jvm.pid());
      long birthmark = Endings.birthmark(warden);
      jvm.pause();
      Signals.kill(warden);
      jvm.kill();
      jvm.awaitExit();
      assertThat(Procs.marked(birthmark)).isNotEmpty();
      NextStart.main(arguments);
      Endings.soon().until(() -> Procs.marked(birthmark).isEmpty());
    }
  }
}
