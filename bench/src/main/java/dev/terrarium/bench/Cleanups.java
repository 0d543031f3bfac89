package dev.terrarium.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Finding and ending what a dead run has left: as many orphans as there are workers in the
/// settings, once such as die of SIGTERM, once such as ignore it.
final class Cleanups {
  private static final int LOOKS = 20;

  private final Settings settings;
  private final StateDirectory state;
  private final OrphanDetector detector;

  private Cleanups(Settings settings, Path home) {
    this.settings = settings;
    this.state = StateDirectory.at(home);
    var killer = new ProcessKiller(AuditLog.ofRun(home, "bench"));
    this.detector = new OrphanDetector(state, killer, CleanupPolicy.defaults());
  }

  static Map<String, Object> run(Settings settings) throws Exception {
    Path home = Files.createTempDirectory("bench-orphans-");
    try {
      return new Cleanups(settings, home).measure();
    } finally {
      remove(home);
    }
  }

  private static void remove(Path home) throws IOException {
    try (Stream<Path> all = Files.walk(home)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }

  private Map<String, Object> measure() throws Exception {
    Map<String, Object> figures = new LinkedHashMap<>();
    leave("polite");
    figures.put("processes", ProcFs.pids().size());
    figures.put("find_first_ms", millis(this::find));
    figures.put("find_ms", median(this::find));
    figures.put("validate_each_us", 1_000 * median(this::validate) / settings.workers());
    figures.put("cleanup_ms", millis(this::cleanUp));
    leave("stubborn");
    Duration grace = CleanupPolicy.defaults().grace();
    figures.put("cleanup_stubborn_ms", millis(this::cleanUp) - grace.toMillis());
    return figures;
  }

  /// A dead run, and what it left.
  private void leave(String how) throws Exception {
    Birthmark.Choice mark = Birthmark.choose();
    RunDirectory.create(state, RunId.generate(), mark, state.path().resolve("terrarium-s")).close();
    long number = mark.chosen().orElseThrow().run();
    Process maker =
        new ProcessBuilder(
                settings.python(),
                settings.script("orphans.py").toString(),
                Integer.toString(settings.workers()),
                Long.toString(number),
                how)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    if (!new String(maker.getInputStream().readAllBytes(), UTF_8).startsWith("ready")) {
      throw new IllegalStateException("no orphans could be made");
    }
  }

  private void find() {
    expect(detector.findOrphanedProcesses());
  }

  private void validate() {
    if (detector.validateDetection().processes() != settings.workers()) {
      throw new WrongAnswerException("not all processes were validated");
    }
  }

  private void cleanUp() {
    OrphanDetector.Cleanup cleanup = detector.cleanupOrphanedProcesses();
    expect(cleanup.details());
    if (cleanup.terminated() != settings.workers()) {
      throw new WrongAnswerException("%d were ended".formatted(cleanup.terminated()));
    }
  }

  private void expect(List<?> found) {
    if (found.size() != settings.workers()) {
      throw new WrongAnswerException("%d orphans found".formatted(found.size()));
    }
  }

  private static double median(Runnable work) {
    double[] all = new double[LOOKS];
    for (int i = 0; i < LOOKS; i++) {
      all[i] = millis(work);
    }
    Arrays.sort(all);
    return all[LOOKS / 2];
  }

  private static double millis(Runnable work) {
    long begin = System.nanoTime();
    work.run();
    return (System.nanoTime() - begin) / 1e6;
  }
}
