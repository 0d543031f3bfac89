package dev.terrarium.trials;

import static java.nio.file.StandardOpenOption.APPEND;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// What `docs/survivors.json` holds, and `docs/survivors.md` tells: the latest run of each kind.
record Survivors(
    @Nullable MatrixRun matrix, @Nullable ChaosRun chaos, @Nullable OrdealRun exhaustion) {
  static final Survivors NONE = new Survivors(null, null, null);

  static final JsonMapper JSON = new JsonMapper();
  private static final String NAME = "survivors";

  record MatrixRun(Facts facts, List<MatrixResult> results) {
    MatrixRun {
      results = List.copyOf(results);
    }
  }

  /// @param seed with which the same hosts are killed at the same moments again
  record ChaosRun(Facts facts, long seed, List<ChaosResult> results) {
    ChaosRun {
      results = List.copyOf(results);
    }
  }

  /// @param seed with which the same happens at the same moments again
  record OrdealRun(Facts facts, long seed, List<OrdealResult> results) {
    OrdealRun {
      results = List.copyOf(results);
    }
  }

  /// As it was written; empty where nothing was.
  static Survivors in(Path folder) throws IOException {
    Path file = folder.resolve(NAME + ".json");
    return Files.exists(file) ? parse(Files.readString(file)) : NONE;
  }

  /// Whether a run's results can be written there, asked before the run; a missing folder is made.
  ///
  /// @throws IllegalArgumentException saying why not
  static void requireWritable(Path folder) {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IllegalArgumentException("--out " + folder + " is no directory");
    }
    try {
      Files.createDirectories(folder);
      Files.delete(Files.createTempFile(folder, NAME, ".new"));
      for (Path file : List.of(folder.resolve(NAME + ".json"), folder.resolve(NAME + ".md"))) {
        if (Files.exists(file)) {
          Files.newOutputStream(file, APPEND).close();
        }
      }
      Survivors _ = in(folder); // the other half stays
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          "--out %s has a %s.json that cannot be read: %s"
              .formatted(folder, NAME, e.getOriginalMessage()),
          e);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "nothing can be written to --out %s: %s".formatted(folder, e), e);
    }
  }

  static Survivors parse(String json) {
    return JSON.readValue(json, Survivors.class);
  }

  Survivors with(MatrixRun latest) {
    return new Survivors(latest, chaos, exhaustion);
  }

  Survivors with(ChaosRun latest) {
    return new Survivors(matrix, latest, exhaustion);
  }

  Survivors with(OrdealRun latest) {
    return new Survivors(matrix, chaos, latest);
  }

  Optional<MatrixRun> latestMatrix() {
    return Optional.ofNullable(matrix);
  }

  Optional<ChaosRun> latestChaos() {
    return Optional.ofNullable(chaos);
  }

  Optional<OrdealRun> latestExhaustion() {
    return Optional.ofNullable(exhaustion);
  }

  /// A line for each host, so that two of them can be compared.
  String json() {
    return JSON.writeValueAsString(this)
            .replace("},{\"ending\"", "},\n{\"ending\"")
            .replace("},{\"number\"", "},\n{\"number\"")
        + "\n";
  }

  void write(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve(NAME + ".json"), json());
    Files.writeString(folder.resolve(NAME + ".md"), new Report(this).text());
  }
}
