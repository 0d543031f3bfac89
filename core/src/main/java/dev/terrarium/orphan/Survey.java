package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess;
import dev.terrarium.orphan.KnownRun.Standing;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.Origin;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.RunDetails;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// One look at the runs of a state directory and at all processes of the machine. Touches nothing.
///
/// A process is an orphan if, and only if, it bears the birthmark of a run of this user and PID
/// namespace whose lock is free, and no warden works under that run's host. All else is either at
/// work, or not to be told: that is reported, and nobody's to kill.
final class Survey {
  /// A run's directory.
  ///
  /// @param run empty where it is unreadable
  /// @param detail for people
  record Place(Path directory, Standing standing, Optional<Run> run, String detail) {
    KnownRun known() {
      List<WorkerRow> rows = run.map(Run::rows).orElse(List.of());
      return new KnownRun(directory, standing, detail, run.map(Run::details), rows);
    }
  }

  /// A process at work.
  record Active(ProcStat stat, Birthmark.Mark mark, Run run) {
    OrphanProcess.Kind kind() {
      return run.kind(identity(stat), mark);
    }

    Overview.Active known() {
      return new Overview.Active(stat.pid(), kind(), run.origin().run().value());
    }
  }

  /// A process of a dead run.
  record Orphan(OrphanProcess process, Run run, Birthmark.Mark mark) {}

  private record Unknown(ProcStat stat, Birthmark.Mark mark) {}

  private static final String REMEDY =
      "this user needs rwx there (chmod u+rwx), or set TERRARIUM_HOME to a directory of his own";

  private final List<Place> places;
  private final List<Active> active = new ArrayList<>();
  private final List<Orphan> orphans = new ArrayList<>();
  private final List<Suspect> suspects = new ArrayList<>();
  private final List<Unknown> unknown = new ArrayList<>();
  private final Map<Long, Place> byMark = new HashMap<>();

  private Survey(List<Place> places) {
    this.places = places;
    for (Place place : places) {
      place.run().flatMap(run -> run.origin().birthmark()).ifPresent(it -> index(it, place));
    }
  }

  private void index(Birthmark mark, Place place) {
    byMark.put(mark.run(), place);
  }

  /// @param own the run of this JVM whose ledger is known better than from its file
  /// @param told other runs whose ledgers are, by their directories
  static Survey of(StateDirectory state, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    var survey = new Survey(places(state, own, told));
    ProcFs.pids().forEach(survey::look);
    if (!survey.unknown.isEmpty()) {
      survey.lookAgain(places(state, own, told));
    }
    return survey;
  }

  /// A run that began while we looked was not among the places.
  private void lookAgain(List<Place> later) {
    later.stream()
        .filter(place -> places.stream().noneMatch(it -> it.directory().equals(place.directory())))
        .forEach(
            place ->
                place
                    .run()
                    .flatMap(run -> run.origin().birthmark())
                    .ifPresent(it -> index(it, place)));
    List.copyOf(unknown).forEach(it -> sort(it.stat(), it.mark(), true));
  }

  /// The runs alone: no process is looked at.
  static List<Place> places(
      StateDirectory state, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    try (Stream<Path> entries = Files.list(state.runs())) {
      return entries
          .filter(entry -> !RunDirectory.isTemporary(entry))
          .sorted()
          .map(entry -> place(entry, own, told))
          .toList();
    } catch (NoSuchFileException e) {
      return List.of(); // there never was a run
    } catch (IOException e) {
      throw new RegistryException(state.runs(), "cannot be listed", REMEDY, e);
    }
  }

  private static Place place(Path directory, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    if (own.filter(run -> run.directory().equals(directory)).isPresent()) {
      return new Place(directory, Standing.LIVE, own, "this runtime");
    }
    try {
      RunDetails details = RunDirectory.read(directory);
      Origin origin = details.origin();
      List<WorkerRow> rows = told.get(directory);
      Run run = rows == null ? Run.read(directory, details) : new Run(directory, details, rows);
      if (!origin.sameUser() || !origin.samePidNamespace()) {
        return new Place(directory, Standing.FOREIGN, Optional.of(run), whose(origin));
      }
      return standing(directory, run);
    } catch (IOException | IllegalArgumentException e) {
      return unreadable(directory, String.valueOf(e.getMessage()));
    }
  }

  /// Whether it lives does not depend on what is written there.
  private static Place unreadable(Path directory, String why) {
    boolean locked;
    try {
      locked = RunDirectory.isLocked(directory);
    } catch (IOException e) {
      locked = false;
    }
    return locked
        ? new Place(directory, Standing.LIVE, Optional.empty(), "its lock is held; " + why)
        : new Place(directory, Standing.UNREADABLE, Optional.empty(), why);
  }

  private static Place standing(Path directory, Run run) throws IOException {
    if (RunDirectory.isLocked(directory)) {
      return new Place(directory, Standing.LIVE, Optional.of(run), "its lock is held");
    }
    return run.hasWardenUnderItsHost()
        ? new Place(directory, Standing.LIVE, Optional.of(run), "its lock is free, its host lives")
        : new Place(directory, Standing.DEAD, Optional.of(run), "its lock is free");
  }

  static String whose(Origin origin) {
    return origin.sameUser()
        ? "belongs to namespace " + origin.pidNamespace()
        : "belongs to user " + origin.uid();
  }

  private void look(long pid) {
    Optional<Birthmark.Mark> mark = Birthmark.of(pid);
    if (pid == ProcessIdentity.self().pid()) {
      return;
    }
    if (mark.isPresent()) {
      ProcFs.stat(pid)
          .filter(stat -> !stat.dead())
          .ifPresent(stat -> sort(stat, mark.get(), false));
    } else {
      suspectByName(pid);
    }
  }

  private void sort(ProcStat stat, Birthmark.Mark mark, boolean finallySo) {
    Place place = byMark.get(mark.run());
    if (place != null) {
      sort(stat, mark, place);
    } else if (finallySo) {
      String why = "bears birthmark %d, of no run in this state directory".formatted(mark.run());
      suspect(stat, Optional.of(mark), why);
    } else {
      unknown.add(new Unknown(stat, mark));
    }
  }

  private void sort(ProcStat stat, Birthmark.Mark mark, Place place) {
    Run run = place.run().orElseThrow();
    ProcessIdentity identity = identity(stat);
    switch (place.standing()) {
      case LIVE -> active.add(new Active(stat, mark, run));
      case DEAD -> {
        List<String> command = ProcFs.commandLine(identity.pid());
        orphans.add(new Orphan(run.portrait(identity, mark, command), run, mark));
      }
      case FOREIGN ->
          suspect(
              stat,
              Optional.of(mark),
              "bears the birthmark of run %s, which %s"
                  .formatted(run.origin().run(), place.detail()));
      case UNREADABLE -> throw new IllegalStateException("nobody knows its birthmark: " + place);
    }
  }

  private void suspectByName(long pid) {
    RunId.findIn(ProcFs.commandLine(pid))
        .ifPresent(
            run ->
                ProcFs.stat(pid)
                    .filter(stat -> !stat.dead())
                    .ifPresent(
                        stat ->
                            suspect(
                                stat,
                                Optional.empty(),
                                "names run %s on its command line, and bears no birthmark"
                                    .formatted(run))));
  }

  private void suspect(ProcStat stat, Optional<Birthmark.Mark> mark, String why) {
    Optional<Birthmark> birthmark = mark.map(it -> new Birthmark(it.run()));
    suspects.add(new Suspect(identity(stat), birthmark, ProcFs.commandLine(stat.pid()), why));
  }

  private static ProcessIdentity identity(ProcStat stat) {
    return new ProcessIdentity(ProcessIdentity.currentBoot(), stat.pid(), stat.startTicks());
  }

  List<Place> places() {
    return places;
  }

  List<Active> active() {
    return List.copyOf(active);
  }

  List<Orphan> orphans() {
    return List.copyOf(orphans);
  }

  List<Suspect> suspects() {
    return List.copyOf(suspects);
  }

  /// The rows of runs that live.
  List<WorkerRow> rows() {
    return places.stream()
        .filter(place -> place.standing() == Standing.LIVE)
        .flatMap(place -> place.run().stream())
        .flatMap(run -> run.rows().stream())
        .toList();
  }
}
