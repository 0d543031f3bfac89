package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.Origin;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
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
  /// Whether a run lives.
  enum Standing {
    /// Its lock is held.
    LIVE,
    /// Its lock is free.
    DEAD,
    /// It belongs to another user or PID namespace: neither its pids nor its lock say anything
    /// here.
    FOREIGN,
    /// Its directory says nothing.
    UNREADABLE
  }

  /// A run's directory.
  ///
  /// @param run empty where it is unreadable
  /// @param detail for people
  record Place(Path directory, Standing standing, Optional<Run> run, String detail) {}

  /// A process at work.
  record Active(ProcStat stat, Birthmark.Mark mark, Run run) {
    OrphanProcess.Kind kind() {
      return run.kind(identity(stat), mark);
    }
  }

  /// A process of a dead run.
  record Orphan(OrphanProcess process, Run run, Birthmark.Mark mark) {}

  /// A process that looks like ours and cannot be proved to be an orphan.
  ///
  /// @param why for people: what it looks like, and what is missing
  record Suspect(ProcessIdentity identity, List<String> command, String why) {}

  private record Unknown(ProcStat stat, Birthmark.Mark mark) {}

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
  static Survey of(StateDirectory state, Optional<Run> own) {
    var survey = new Survey(places(state, own));
    ProcFs.pids().forEach(survey::look);
    if (!survey.unknown.isEmpty()) {
      survey.lookAgain(places(state, own));
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
  static List<Place> places(StateDirectory state, Optional<Run> own) {
    try (Stream<Path> entries = Files.list(state.runs())) {
      return entries
          .filter(entry -> !RunDirectory.isTemporary(entry))
          .sorted()
          .map(entry -> place(entry, own))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(
          state.runs() + " cannot be listed; look at its permissions", e);
    }
  }

  private static Place place(Path directory, Optional<Run> own) {
    if (own.filter(run -> run.directory().equals(directory)).isPresent()) {
      return new Place(directory, Standing.LIVE, own, "this runtime");
    }
    try {
      Origin origin = RunDirectory.read(directory).origin();
      Run run = Run.read(directory, origin);
      if (!origin.sameUser() || !origin.samePidNamespace()) {
        return new Place(directory, Standing.FOREIGN, Optional.of(run), whose(origin));
      }
      return standing(directory, run);
    } catch (IOException | IllegalArgumentException e) {
      return new Place(
          directory, Standing.UNREADABLE, Optional.empty(), String.valueOf(e.getMessage()));
    }
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
      suspect(stat, "bears birthmark %d, of no run in this state directory".formatted(mark.run()));
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
      case FOREIGN, UNREADABLE ->
          suspect(
              stat,
              "bears the birthmark of run %s, which %s"
                  .formatted(run.origin().run(), place.detail()));
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
                                "names run %s on its command line, and bears no birthmark"
                                    .formatted(run))));
  }

  private void suspect(ProcStat stat, String why) {
    suspects.add(new Suspect(identity(stat), ProcFs.commandLine(stat.pid()), why));
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
