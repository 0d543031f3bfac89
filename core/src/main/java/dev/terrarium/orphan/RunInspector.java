package dev.terrarium.orphan;

import dev.terrarium.orphan.RunState.Dead;
import dev.terrarium.orphan.RunState.Foreign;
import dev.terrarium.orphan.RunState.HalfRemoved;
import dev.terrarium.orphan.RunState.Live;
import dev.terrarium.orphan.RunState.OfAnotherBoot;
import dev.terrarium.orphan.RunState.Unreadable;
import dev.terrarium.process.Birthmark;
import dev.terrarium.registry.DeadRun;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.RunIdentity;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/// Decides what each run of a state directory is, for those who look and for those who end. Takes
/// no lock; those who end have it already. Not for several threads.
final class RunInspector {
  private static final String REMEDY =
      "this user needs rwx there (chmod u+rwx), or set TERRARIUM_HOME to a directory of his own";

  private final Evidence evidence;

  /// @param evidence of all directories of that state directory
  RunInspector(Evidence evidence) {
    this.evidence = evidence;
  }

  /// The directories of all runs, those that are still being made included.
  ///
  /// @throws IOException if they cannot be listed
  static List<Path> directories(StateDirectory state) throws IOException {
    try (Stream<Path> entries = Files.list(state.runs())) {
      return entries.filter(Files::isDirectory).sorted().toList();
    } catch (NoSuchFileException e) {
      return List.of(); // there never was a run
    }
  }

  /// All runs, without those that are still being made.
  ///
  /// @param own the run of this JVM, whose ledger is known better than from its file
  /// @param told other runs whose ledgers are, by their directories
  /// @throws RegistryException if they cannot be listed
  static List<InspectedRun> inspectAll(
      StateDirectory state, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    Map<Path, Reading> readings = new LinkedHashMap<>();
    try {
      for (Path directory : directories(state)) {
        if (!RunDirectory.isTemporary(directory)) {
          readings.put(directory, reading(directory, own, told));
        }
      }
    } catch (IOException e) {
      throw new RegistryException(state.runs(), "cannot be listed", REMEDY, e);
    }
    // What all of them say comes before what each of them is.
    var evidence = new Evidence();
    readings.forEach(
        (directory, reading) ->
            reading.run().ifPresent(run -> evidence.add(directory, run.identity())));
    var inspector = new RunInspector(evidence);
    return readings.entrySet().stream()
        .map(it -> inspector.inspected(it.getKey(), it.getValue()))
        .toList();
  }

  /// A run whose lock we have.
  InspectedRun inspect(DeadRun held) {
    Read read = read(held.path(), held::manifest, Optional.empty());
    return new InspectedRun(held.path(), ofFree(held.path(), read), read.run());
  }

  /// Why nothing in a directory is believed, or touched, whatever stands there.
  static Optional<Unreadable> notOwn(Path directory) {
    return RunDirectory.isOwn(directory)
        ? Optional.empty()
        : Optional.of(
            new Unreadable(
                "is a link, or belongs to another user: nothing in it is believed, or touched"));
  }

  /// What a directory is that has no lock.
  static RunState withoutLock(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.findAny().isEmpty()
          ? new HalfRemoved("was removed already")
          : new Unreadable("has no lock, and is not empty");
    } catch (NoSuchFileException e) {
      return new HalfRemoved("was removed already");
    } catch (IOException e) {
      return unreadable(e);
    }
  }

  static Unreadable unreadable(Exception e) {
    return new Unreadable(String.valueOf(e.getMessage()));
  }

  /// What is known of a directory before anybody looks at its lock.
  private sealed interface Reading {
    /// Empty where nothing says whose it is.
    default Optional<Run> run() {
      return switch (this) {
        case ThisRuntimes(var run) -> Optional.of(run);
        case Understood(var run) -> Optional.of(run);
        case Damaged _, NotOwn _ -> Optional.empty();
      };
    }
  }

  private record ThisRuntimes(Run known) implements Reading {}

  /// It was not read.
  private record NotOwn(Unreadable refusal) implements Reading {}

  /// It was read.
  private sealed interface Read extends Reading {}

  private record Understood(Run known) implements Read {}

  private record Damaged(Unreadable refusal) implements Read {}

  private static Reading reading(
      Path directory, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    if (own.filter(run -> run.directory().equals(directory)).isPresent()) {
      return new ThisRuntimes(own.get());
    }
    Optional<Unreadable> objection = notOwn(directory);
    return objection.isPresent()
        ? new NotOwn(objection.get())
        : read(
            directory,
            () -> RunDirectory.readForCleanup(directory),
            Optional.ofNullable(told.get(directory)));
  }

  private static Read read(
      Path directory, Supplier<RunManifest> manifest, Optional<List<WorkerRow>> rows) {
    try {
      RunManifest read = manifest.get();
      return new Understood(
          rows.map(known -> new Run(directory, read, known))
              .orElseGet(() -> Run.read(directory, read)));
    } catch (RegistryException e) {
      return new Damaged(new Unreadable(e.problem()));
    }
  }

  private InspectedRun inspected(Path directory, Reading reading) {
    return switch (reading) {
      case ThisRuntimes(var run) ->
          new InspectedRun(directory, new Live("this runtime"), Optional.of(run));
      case NotOwn(var refusal) -> new InspectedRun(directory, refusal, Optional.empty());
      case Read read -> byLock(directory, read);
    };
  }

  /// Where there is no lock nothing is believed of what stands there.
  private InspectedRun byLock(Path directory, Read read) {
    try {
      RunState state = RunDirectory.isLocked(directory) ? ofLocked(read) : ofFree(directory, read);
      return new InspectedRun(directory, state, read.run());
    } catch (NoSuchFileException e) {
      return new InspectedRun(directory, withoutLock(directory), Optional.empty());
    } catch (IOException e) {
      return new InspectedRun(directory, unreadable(e), Optional.empty());
    }
  }

  /// Whether it lives does not depend on what is written there.
  private static RunState ofLocked(Read read) {
    return switch (read) {
      case Damaged(var refusal) -> new Live("its lock is held; " + refusal.why());
      case Understood(var run) ->
          foreign(run.identity())
              .map(RunState.class::cast)
              .orElseGet(() -> new Live("its lock is held"));
    };
  }

  private RunState ofFree(Path directory, Read read) {
    return switch (read) {
      case Damaged(var refusal) ->
          RunDirectory.isHalfRemoved(directory)
              ? new HalfRemoved("a removal was cut short")
              : refusal;
      case Understood(var run) -> ofFree(run);
    };
  }

  /// The order of the questions matters: of another boot nothing can be alive, whoever it belonged
  /// to; and what is another namespace's cannot be judged here.
  private RunState ofFree(Run run) {
    RunIdentity identity = run.identity();
    if (!identity.sameBoot()) {
      return new OfAnotherBoot("the machine was started anew since");
    }
    Optional<Foreign> foreign = foreign(identity);
    if (foreign.isPresent()) {
      return foreign.get();
    }
    return identity
        .birthmark()
        .map(mark -> ofMark(run, mark))
        .orElseGet(() -> new Unreadable("has no birthmark, so that nothing can be proved"));
  }

  private RunState ofMark(Run run, Birthmark mark) {
    Optional<String> dispute = evidence.dispute(mark, run.directory());
    if (dispute.isPresent()) {
      return new Unreadable(dispute.get());
    }
    return evidence.hostLives(mark) || run.hasWardenUnderItsHost()
        ? new Live("its lock is free, but its host lives")
        : new Dead(mark, "its lock is free");
  }

  private static Optional<Foreign> foreign(RunIdentity run) {
    if (!run.sameUser()) {
      return Optional.of(new Foreign("belongs to user " + run.uid()));
    }
    return run.samePidNamespace()
        ? Optional.empty()
        : Optional.of(new Foreign("belongs to namespace " + run.pidNamespace()));
  }
}
