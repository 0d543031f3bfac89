package dev.terrarium.bench;

import static java.util.Objects.requireNonNull;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import tools.jackson.databind.json.JsonMapper;

/// How many bytes a 64-byte echo allocates in Java, all threads together, beside the same JSON
/// written and read and sent nowhere.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class AllocationBench {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String TEXT = "0123456789abcdef".repeat(4);
  private static final String ALLOCATED = "gc.alloc.rate.norm";

  /// The settings of [Measure], as one argument; JMH forks again.
  @Param({""})
  public String settings = "";

  private @Nullable Contestant contestant;

  @Setup
  public void start() throws Exception {
    contestant = Contestant.start(Settings.all(settings.split("\t")).getFirst());
  }

  @TearDown
  public void close() throws Exception {
    requireNonNull(contestant).close();
  }

  @Benchmark
  public String echo() throws Exception {
    return requireNonNull(contestant).caller(0).echo(TEXT);
  }

  /// The call's JSON written, the result's JSON read.
  @Benchmark
  public String json() {
    byte[] result = JSON.writeValueAsBytes(Map.of("tool", "echo", "named", Map.of("value", TEXT)));
    return result.length > 0 ? JSON.readValue(RESULT, String.class) : "";
  }

  private static final byte[] RESULT = JSON.writeValueAsBytes(TEXT);

  /// Runs both in a fork and returns bytes a call by name.
  static Map<String, Object> run(Settings settings) throws Exception {
    String line =
        String.join(
            "\t",
            "contestant=" + settings.contestant(),
            "python=" + settings.python(),
            "bench=" + settings.bench());
    Options options =
        new OptionsBuilder()
            .include(AllocationBench.class.getName() + ".*")
            .param("settings", line)
            .forks(1)
            .warmupIterations(1)
            .warmupTime(TimeValue.milliseconds(settings.warmUpMillis()))
            .measurementIterations(1)
            .measurementTime(TimeValue.milliseconds(settings.millis()))
            .addProfiler(GCProfiler.class)
            .verbosity(VerboseMode.SILENT)
            .shouldFailOnError(true)
            .build();
    Map<String, Object> figures = new LinkedHashMap<>();
    for (RunResult result : new Runner(options).run()) {
      String name = result.getPrimaryResult().getLabel();
      double bytes = requireNonNull(result.getSecondaryResults().get(ALLOCATED)).getScore();
      figures.put(name + "_allocated_bytes", bytes);
    }
    return figures;
  }
}
