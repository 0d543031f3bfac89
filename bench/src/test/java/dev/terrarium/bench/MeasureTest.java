package dev.terrarium.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.INTEGER;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A tiny round of each kind with real workers, so that a change to the library or to the floor
/// that breaks the bench is seen where it is made. How long anything takes decides nothing here.
final class MeasureTest {
  private static final int ODD_SIZE = 1_234_567;

  // The floor's callers are platform threads here: for virtual ones that read sockets the JDK opens
  // pollers and keeps them.
  @ParameterizedTest
  @CsvSource({
    "terrarium, echo, 64, false",
    "terrarium, call, 64, true",
    "terrarium, bytes, 1234567, false",
    "floor, echo, 64, false",
    "floor, bytes, 1234567, false",
    "floor-json, echo, 64, false",
    "floor-json, call, 64, false",
    "floor-shared, bytes, 1234567, false",
  })
  void whatIsSentComesBack(String contestant, String workload, int bytes, boolean virtual)
      throws Exception {
    Settings settings =
        settings(
            "contestant=" + contestant,
            "workload=" + workload,
            "bytes=" + bytes,
            "virtual=" + virtual);
    try (Contestant started = Contestant.start(settings)) {
      assertThat(started.pids()).hasSize(2).doesNotHaveDuplicates();
      assertThat(Rounds.run(started, settings))
          .extractingByKey("calls")
          .asInstanceOf(INTEGER)
          .isPositive();
    }
  }

  @ParameterizedTest
  @CsvSource({"terrarium", "floor"})
  void aStartIsMeasuredWithTheMemoryOfItsWorkers(String contestant) throws Exception {
    assertThat(Starts.run(settings("contestant=" + contestant, "workload=start")))
        .containsKeys(
            "start_ms", "java_cpu_ms", "python_cpu_ms", "worker_kib", "helpers_kib", "helpers");
  }

  @Test
  void orphansAreFoundAndEnded() throws Exception {
    assertThat(Cleanups.run(settings("workload=orphans", "workers=3")))
        .containsKeys(
            "processes", "find_ms", "validate_each_us", "cleanup_ms", "cleanup_stubborn_ms");
  }

  @Test
  void rowsOfTheLedgerAreMeasured() throws Exception {
    assertThat(Ledgers.run())
        .containsKeys("reserve_us", "activate_us", "release_us", "look_up_ns", "row_bytes");
  }

  @Test
  void aWrongAnswerEndsTheMeasurement() {
    for (String workload : List.of("echo", "call", "bytes")) {
      Settings settings = settings("workload=" + workload, "bytes=" + ODD_SIZE);
      assertThatThrownBy(() -> Rounds.run(new Liar(), settings))
          .as(workload)
          .isInstanceOf(WrongAnswerException.class);
    }
  }

  @Test
  void severalWorkloadsShareTheirSettings() {
    List<Settings> all = Settings.all("workers=8", "workload=echo", "then", "workload=call");
    assertThat(all).extracting(Settings::workers).containsExactly(8, 8);
    assertThat(all).extracting(Settings::workload).containsExactly("echo", "call");
  }

  private static Settings settings(String... words) {
    String[] all = Arrays.copyOf(words, words.length + 5);
    List<String> common =
        List.of("workers=2", "callers=2", "bench=.", "warm-up-millis=10", "millis=50");
    for (int i = 0; i < common.size(); i++) {
      all[words.length + i] = common.get(i);
    }
    return Settings.all(all).getFirst();
  }

  /// Gives back almost what it got.
  private static final class Liar implements Contestant, Contestant.Caller {
    @Override
    public Caller caller(int number) {
      return this;
    }

    @Override
    public String echo(String text) {
      return text.substring(1) + "!";
    }

    @Override
    public Reading call(Reading reading) {
      return Reading.random(new Random(-1));
    }

    @Override
    public byte[] bytes(byte[] bytes) {
      byte[] changed = bytes.clone();
      changed[changed.length - 1]++;
      return changed;
    }

    @Override
    public void callEach() {}

    @Override
    public List<Long> pids() {
      return List.of();
    }

    @Override
    public void close() throws IOException {}
  }
}
