package dev.terrarium.orphan;

import dev.terrarium.orphan.KnownRun.Standing;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// The run directories of a state directory, and what each of them is. Takes no lock.
final class Places {
  private static final String REMEDY =
      "this user needs rwx there (chmod u+rwx), or set TERRARIUM_HOME to a directory of his own";

  private final Optional<Run> own;
  private final Map<Path, List<WorkerRow>> told;
  private final Evidence evidence = new Evidence();

  private Places(Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    this.own = own;
    this.told = told;
  }

  /// A run's directory.
  ///
  /// @param run empty where it is unreadable
  /// @param detail for people
  record Place(Path directory, Standing standing, Optional<Run> run, String detail) {
    KnownRun known() {
      List<WorkerRow> rows = run.map(Run::rows).orElse(List.of());
      return new KnownRun(directory, standing, detail, run.map(Run::manifest), rows);
    }
  }

  /// @param own the run of this JVM whose ledger is known better than from its file
  /// @param told other runs whose ledgers are, by their directories
  static List<Place> of(StateDirectory state, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    try (Stream<Path> entries = Files.list(state.runs())) {
      List<Path> directories =
          entries.filter(entry -> !RunDirectory.isTemporary(entry)).sorted().toList();
      return new Places(own, told).of(directories);
    } catch (NoSuchFileException e) {
      return List.of(); // there never was a run
    } catch (IOException e) {
      throw new RegistryException(state.runs(), "cannot be listed", REMEDY, e);
    }
  }

  /// What all of them say comes before what each of them is.
  private List<Place> of(List<Path> directories) {
    List<Read> read = directories.stream().map(this::read).toList();
    read.forEach(it -> it.run().ifPresent(run -> evidence.add(it.directory(), run.identity())));
    return read.stream().map(this::judged).toList();
  }

  /// @param why it says nothing, where it does not
  private record Read(Path directory, Optional<Run> run, String why) {}

  private Read read(Path directory) {
    if (isOwnRun(directory)) {
      return new Read(directory, own, "");
    }
    if (!RunDirectory.isOwn(directory)) {
      return new Read(directory, Optional.empty(), Judgement.NOT_OWN);
    }
    try {
      RunManifest manifest = RunDirectory.read(directory);
      List<WorkerRow> rows = told.get(directory);
      Run run = rows == null ? Run.read(directory, manifest) : new Run(directory, manifest, rows);
      return new Read(directory, Optional.of(run), "");
    } catch (IOException | IllegalArgumentException e) {
      return new Read(directory, Optional.empty(), String.valueOf(e.getMessage()));
    }
  }

  private boolean isOwnRun(Path directory) {
    return own.filter(run -> run.directory().equals(directory)).isPresent();
  }

  private Place judged(Read read) {
    if (isOwnRun(read.directory())) {
      return new Place(read.directory(), Standing.LIVE, own, "this runtime");
    }
    if (read.run().isEmpty()) {
      return unreadable(read.directory(), read.why());
    }
    Run run = read.run().get();
    try {
      Judgement judgement =
          RunDirectory.isLocked(run.directory())
              ? Judgement.ofLocked(run)
              : Judgement.ofFree(run, evidence);
      return new Place(run.directory(), judgement.standing(), read.run(), judgement.detail());
    } catch (IOException e) {
      return unreadable(run.directory(), String.valueOf(e.getMessage()));
    }
  }

  /// Whether it lives does not depend on what is written there.
  private static Place unreadable(Path directory, String why) {
    boolean locked;
    try {
      locked = RunDirectory.isOwn(directory) && RunDirectory.isLocked(directory);
    } catch (IOException e) {
      locked = false;
    }
    return locked
        ? new Place(directory, Standing.LIVE, Optional.empty(), "its lock is held; " + why)
        : new Place(directory, Standing.UNREADABLE, Optional.empty(), why);
  }
}
