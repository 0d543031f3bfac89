package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.process.Bearer;
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
/// [RunInspector]. All else is either at work, or not to be told: that is reported, and nobody's to
/// kill.
final class Survey {
  /// A process at work.
  record Active(ProcStat stat, Birthmark.Mark mark, Run run) {
    OrphanProcess.Kind kind() {
      return run.kind(ProcessIdentity.of(stat), mark);
    }

    Overview.Active known() {
      return new Overview.Active(
          ProcessIdentity.of(stat),
          kind(),
          run.identity().run().value(),
          stat.cpu(),
          stat.residentBytes());
    }
  }

  /// A process of a dead run.
  ///
  /// @param directory the run's
  record Orphan(OrphanProcess process, Path directory) {}

  private record Unknown(ProcStat stat, Birthmark.Mark mark) {}

  private final List<InspectedRun> runs;
  private final List<Active> active = new ArrayList<>();
  private final List<Orphan> orphans = new ArrayList<>();
  private final List<Suspect> suspects = new ArrayList<>();
  private final List<Unknown> unknown = new ArrayList<>();
  private final Elsewhere elsewhere = new Elsewhere();
  private final Map<Long, InspectedRun> byMark = new HashMap<>();

  private Survey(List<InspectedRun> runs) {
    this.runs = runs;
    runs.forEach(this::index);
  }

  /// Of several that claim one mark the one that lives: then nobody who bears it is an orphan.
  private void index(InspectedRun run) {
    run.mark()
        .ifPresent(
            mark -> byMark.merge(mark.run(), run, (one, other) -> other.isLive() ? other : one));
  }

  /// @param own the run of this JVM whose ledger is known better than from its file
  /// @param told other runs whose ledgers are, by their directories
  static Survey of(StateDirectory state, Optional<Run> own, Map<Path, List<WorkerRow>> told) {
    var survey = new Survey(RunInspector.inspectAll(state, own, told));
    Births births = Births.fromNow();
    ProcFs.pids().forEach(survey::scan);
    if (survey.mayHaveMissed() && births.any()) {
      births.forEach(survey::scanBorn);
    }
    survey.runs.forEach(survey::scanCgroups);
    if (!survey.unknown.isEmpty()) {
      survey.scanAgain(RunInspector.inspectAll(state, own, told));
    }
    return survey;
  }

  /// A run that began while we looked was not among them.
  private void scanAgain(List<InspectedRun> later) {
    later.stream()
        .filter(run -> runs.stream().noneMatch(it -> it.directory().equals(run.directory())))
        .forEach(this::index);
    List.copyOf(unknown).forEach(it -> classify(it.stat(), it.mark(), true));
  }

  private void scan(long pid) {
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

  private boolean isDeadAndUnseen(InspectedRun run) {
    return run.isDead() && orphans.stream().noneMatch(it -> it.directory().equals(run.directory()));
  }

  /// One of a chain is enough to tell of it. A thread has a number, too, and is not meant.
  private void scanBorn(long pid) {
    Birthmark.of(pid)
        .filter(this::isOfDeadAndUnseen)
        .flatMap(mark -> ProcFs.stat(pid).filter(stat -> !stat.dead() && stat.pid() == pid))
        .ifPresent(stat -> Birthmark.of(pid).ifPresent(mark -> classify(stat, mark, false)));
  }

  private boolean isOfDeadAndUnseen(Birthmark.Mark mark) {
    InspectedRun run = byMark.get(mark.run());
    return run != null && isDeadAndUnseen(run);
  }

  /// @param last whether all runs are known by now
  private void classify(ProcStat stat, Birthmark.Mark mark, boolean last) {
    InspectedRun run = byMark.get(mark.run());
    if (run != null) {
      classify(stat, mark, run.state(), run.run().orElseThrow());
    } else if (last && elsewhere.isOf(stat, mark)) {
      elsewhere.add(stat, mark);
    } else if (last) {
      String why = "bears birthmark %d, of no run in this state directory".formatted(mark.run());
      suspect(stat, Optional.of(mark), why);
    } else {
      unknown.add(new Unknown(stat, mark));
    }
  }

  private void classify(ProcStat stat, Birthmark.Mark mark, RunState state, Run run) {
    switch (state) {
      case RunState.Live _ -> active.add(new Active(stat, mark, run));
      case RunState.Dead _ -> {
        Bearer bearer = Bearer.of(ProcessIdentity.of(stat), mark);
        orphans.add(new Orphan(run.describe(bearer), run.directory()));
      }
      case RunState.Foreign(var why) -> suspect(stat, mark, run, "which " + why);
      case RunState.Unreadable _, RunState.OfAnotherBoot _, RunState.HalfRemoved _ ->
          suspect(stat, mark, run, "of which nothing is proved: " + state.why());
    }
  }

  private void suspect(ProcStat stat, Birthmark.Mark mark, Run run, String why) {
    String bears = "bears the birthmark of run %s, %s".formatted(run.identity().run(), why);
    suspect(stat, Optional.of(mark), bears);
  }

  /// What bears no mark there keeps a clean-up from ending the rest, so it is to be told.
  private void scanCgroups(InspectedRun run) {
    run.run()
        .filter(_ -> run.isDead())
        .flatMap(it -> RunDirectory.cgroups(it.directory(), it.identity()))
        .ifPresent(tree -> tree.members().unproved().forEach(it -> suspectInside(it, tree, run)));
  }

  private void suspectInside(ProcessIdentity process, DeadTree tree, InspectedRun run) {
    String why =
        "is in %s of run %s, which is dead, and bears no birthmark of it"
            .formatted(tree.path(), run.known().id());
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
    suspects.add(
        new Suspect(ProcessIdentity.of(stat), birthmark, ProcFs.commandLine(stat.pid()), why));
  }

  List<KnownRun> runs() {
    return runs.stream().map(InspectedRun::known).toList();
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
    return runs.stream()
        .filter(InspectedRun::isLive)
        .flatMap(run -> run.run().stream())
        .flatMap(run -> run.rows().stream())
        .toList();
  }
}
