package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess;
import dev.terrarium.orphan.KnownRun.Standing;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.orphan.Places.Place;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Births;
import dev.terrarium.process.DeadTree;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.registry.WorkerRow;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One look at the runs of a state directory and at all processes of the machine. Touches nothing.
///
/// A process is an orphan if, and only if, it bears the birthmark of a run that is dead by
/// [Judgement]. All else is either at work, or not to be told: that is reported, and nobody's to
/// kill.
final class Survey {
  /// A process at work.
  record Active(ProcStat stat, Birthmark.Mark mark, Run run) {
    OrphanProcess.Kind kind() {
      return run.kind(identity(stat), mark);
    }

    Overview.Active known() {
      return new Overview.Active(
          identity(stat), kind(), run.identity().run().value(), stat.cpu(), stat.residentBytes());
    }
  }

  /// A process of a dead run.
  record Orphan(OrphanProcess process, Run run, Birthmark.Mark mark) {}

  private record Unknown(ProcStat stat, Birthmark.Mark mark) {}

  private final List<Place> places;
  private final List<Active> active = new ArrayList<>();
  private final List<Orphan> orphans = new ArrayList<>();
  private final List<Suspect> suspects = new ArrayList<>();
  private final List<Unknown> unknown = new ArrayList<>();
  private final Elsewhere elsewhere = new Elsewhere();
  private final Map<Long, Place> byMark = new HashMap<>();

  private Survey(List<Place> places) {
    this.places = places;
    places.forEach(this::index);
  }

  /// Of another boot nobody is alive.
  private void index(Place place) {
    place
        .run()
        .filter(run -> place.standing() != Standing.DEAD || run.identity().sameBoot())
        .flatMap(run -> run.identity().birthmark())
        .ifPresent(mark -> index(mark, place));
  }

  /// Of several that claim one mark the one that lives: then nobody who bears it is an orphan.
  private void index(Birthmark mark, Place place) {
    byMark.merge(
        mark.run(), place, (one, other) -> other.standing() == Standing.LIVE ? other : one);
  }

  /// @param own the run of this JVM whose ledger is known better than from its file
  /// @param told other runs whose ledgers are, by their directories
  static Survey of(StateDirectory state, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    var survey = new Survey(Places.of(state, own, told));
    Births births = Births.fromNow();
    ProcFs.pids().forEach(survey::look);
    if (survey.mayHaveMissed() && births.any()) {
      births.forEach(survey::lookAtBorn);
    }
    survey.places.forEach(survey::lookIntoCgroups);
    if (!survey.unknown.isEmpty()) {
      survey.lookAgain(Places.of(state, own, told));
    }
    return survey;
  }

  /// A run that began while we looked was not among the places.
  private void lookAgain(List<Place> later) {
    later.stream()
        .filter(place -> places.stream().noneMatch(it -> it.directory().equals(place.directory())))
        .forEach(this::index);
    List.copyOf(unknown).forEach(it -> classify(it.stat(), it.mark(), true));
  }

  private void look(long pid) {
    Optional<Birthmark.Mark> mark = Birthmark.of(pid);
    if (pid == ProcessIdentity.self().pid()) {
      return;
    }
    if (mark.isPresent()) {
      ProcFs.stat(pid)
          .filter(stat -> !stat.dead())
          .ifPresent(stat -> classify(stat, mark.get(), false));
    } else {
      suspectByName(pid);
    }
  }

  /// Whether there are dead runs of which nobody was seen. A chain whose links each fork the next
  /// and die stands in no list: it took up a processor for hours, and there was nobody to be seen.
  private boolean mayHaveMissed() {
    return byMark.values().stream().anyMatch(this::isDeadAndUnseen);
  }

  private boolean isDeadAndUnseen(Place place) {
    return place.standing() == Standing.DEAD
        && orphans.stream().noneMatch(it -> it.run().directory().equals(place.directory()));
  }

  /// One of a chain is enough to tell of it. A thread has a number, too, and is not meant.
  private void lookAtBorn(long pid) {
    Birthmark.of(pid)
        .filter(this::isOfDeadAndUnseen)
        .flatMap(mark -> ProcFs.stat(pid).filter(stat -> !stat.dead() && stat.pid() == pid))
        .ifPresent(stat -> Birthmark.of(pid).ifPresent(mark -> classify(stat, mark, false)));
  }

  private boolean isOfDeadAndUnseen(Birthmark.Mark mark) {
    Place place = byMark.get(mark.run());
    return place != null && isDeadAndUnseen(place);
  }

  private void classify(ProcStat stat, Birthmark.Mark mark, boolean finallySo) {
    Place place = byMark.get(mark.run());
    if (place != null) {
      classify(stat, mark, place);
    } else if (finallySo && elsewhere.isOf(stat, mark)) {
      elsewhere.add(stat, mark);
    } else if (finallySo) {
      String why = "bears birthmark %d, of no run in this state directory".formatted(mark.run());
      suspect(stat, Optional.of(mark), why);
    } else {
      unknown.add(new Unknown(stat, mark));
    }
  }

  private void classify(ProcStat stat, Birthmark.Mark mark, Place place) {
    Run run = place.run().orElseThrow();
    ProcessIdentity identity = identity(stat);
    switch (place.standing()) {
      case LIVE -> active.add(new Active(stat, mark, run));
      case DEAD -> {
        List<String> command = ProcFs.commandLine(identity.pid());
        orphans.add(new Orphan(run.describe(identity, mark, command), run, mark));
      }
      case FOREIGN ->
          suspect(
              stat,
              Optional.of(mark),
              "bears the birthmark of run %s, which %s"
                  .formatted(run.identity().run(), place.detail()));
      case UNREADABLE ->
          suspect(
              stat,
              Optional.of(mark),
              "bears the birthmark of run %s, of which nothing is proved: %s"
                  .formatted(run.identity().run(), place.detail()));
    }
  }

  /// What bears no mark there keeps a clean-up from ending the rest, so it is to be told.
  private void lookIntoCgroups(Place place) {
    place
        .run()
        .filter(run -> place.standing() == Standing.DEAD && run.identity().sameBoot())
        .flatMap(run -> RunDirectory.cgroups(run.directory(), run.identity()))
        .ifPresent(tree -> tree.members().unproved().forEach(it -> suspectInside(it, tree, place)));
  }

  private void suspectInside(ProcessIdentity process, DeadTree tree, Place place) {
    String why =
        "is in %s of run %s, which is dead, and bears no birthmark of it"
            .formatted(tree.path(), place.known().id());
    List<String> command = ProcFs.commandLine(process.pid());
    suspects.add(new Suspect(process, Optional.empty(), command, why));
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

  List<Overview.Other> others() {
    return elsewhere.all();
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
