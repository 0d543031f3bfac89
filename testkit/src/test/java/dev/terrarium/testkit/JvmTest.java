package dev.terrarium.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

@NothingLeft
final class JvmTest {
  /// Says that it is there, and waits for a signal.
  static final class Sleeper {
    public static void main(String[] arguments) throws InterruptedException {
      System.out.println("ready " + arguments[0] + " " + System.getenv("WORD"));
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @Test
  void streamsLinesAndPassesArgumentsAndEnvironment() {
    try (Jvm jvm = Jvm.start(Sleeper.class, Map.of("WORD", "there"), List.of(), "hello")) {
      assertThat(jvm.awaitLine("ready ")).isEqualTo("hello there");
    }
  }

  /// Gives back what it is told, line by line.
  static final class Parrot {
    public static void main(String[] arguments) {
      new Scanner(System.in, UTF_8).forEachRemaining(word -> System.out.println("heard " + word));
    }
  }

  @Test
  void isSpokenTo() {
    try (Jvm jvm = Jvm.start(Parrot.class)) {
      jvm.say("hello");
      assertThat(jvm.awaitLine("heard ")).isEqualTo("hello");
    }
  }

  @Test
  void seesTheEnvironmentOfAnother() {
    try (Jvm jvm = Jvm.start(Sleeper.class, Map.of("WORD", "a=b"), List.of(), "x")) {
      jvm.awaitLine("ready ");
      assertThat(Procs.environment(jvm.pid())).containsEntry("WORD", "a=b");
    }
  }

  @Test
  void endsAnotherJvmInEveryWay() {
    assertThat(exitAfter(Jvm::kill)).isEqualTo(128 + 9);
    assertThat(exitAfter(Jvm::terminate)).isEqualTo(128 + 15);
    assertThat(exitAfter(Jvm::interrupt)).isEqualTo(128 + 2);
  }

  /// Interrupts another one, and says how it ended.
  static final class Interrupter {
    public static void main(String[] arguments) {
      System.out.println("exit " + exitAfter(Jvm::interrupt));
    }
  }

  /// `nohup mvn verify`, or `mvn verify &` in a script: everything below ignored SIGINT, and tests
  /// of Ctrl-C waited in vain.
  @Test
  void interruptsAlsoWhereAShellHasSwitchedThatOff() {
    List<String> shell = List.of("sh", "-c", "trap '' INT QUIT HUP; exec \"$@\"", "sh");
    try (Jvm jvm = Jvm.behind(shell, Interrupter.class, Map.of())) {
      assertThat(jvm.awaitLine("exit ")).isEqualTo("130");
    }
  }

  @Test
  void stopsAndContinues() {
    try (Jvm jvm = Jvm.start(Sleeper.class, "x")) {
      jvm.awaitLine("ready ");
      jvm.pause();
      await().until(() -> Procs.state(jvm.pid()).orElse('?') == 'T');
      jvm.resume();
      await().until(() -> Procs.state(jvm.pid()).orElse('?') == 'S');
    }
  }

  @Test
  void saysWhatCameInsteadOfTheAwaitedLine() {
    try (Jvm jvm = Jvm.start(Sleeper.class)) {
      assertThatThrownBy(() -> jvm.awaitLine("ready "))
          .hasMessageContaining("ArrayIndexOutOfBoundsException");
    }
  }

  private static int exitAfter(Consumer<Jvm> end) {
    try (Jvm jvm = Jvm.start(Sleeper.class, "x")) {
      jvm.awaitLine("ready ");
      end.accept(jvm);
      return jvm.awaitExit();
    }
  }
}
