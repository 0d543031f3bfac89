package dev.terrarium.trials;

import dev.terrarium.testkit.Procs;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// One worker with its child: whether it is as it should be before the end, and when which of it
/// was gone after.
///
/// Not for several threads at once.
final class CellWatch {
  private final Tenancy tenancy;
  private final Traces traces;
  private final List<Noted> all;
  private final Noted worker;
  private long workerGone;
  private long allGone;

  /// Reads who is there.
  ///
  /// @throws AssertionError if the worker and its child did not write themselves down
  CellWatch(Tenancy tenancy, Traces traces) {
    this.tenancy = tenancy;
    this.traces = traces;
    this.all = traces.noted();
    this.worker =
        all.stream()
            .filter(Noted::isWorker)
            .findFirst()
            .orElseThrow(() -> new AssertionError(tenancy + ": no worker wrote itself down"));
  }

  Tenancy tenancy() {
    return tenancy;
  }

  Noted worker() {
    return worker;
  }

  /// The worker included; a chain counts as one.
  int processes() {
    return all.size() + (tenancy.kin() == Kin.CHAIN ? 1 : 0);
  }

  /// Whether it is as it should be.
  ///
  /// @throws AssertionError if worker, child or state are not what they are to be: then its end
  ///   would prove nothing
  void assertInPlace(Set<Long> birthmarks) {
    List<String> problems = new ArrayList<>();
    if (all.size() != 1 + tenancy.kin().processes()) {
      problems.add("these wrote themselves down: " + all);
    }
    if (tenancy.state() != State.IDLE && !traces.entered()) {
      problems.add("the worker is not in its state");
    }
    if ((tenancy.kin() == Kin.CHAIN) != traces.chained()) {
      problems.add("chain: " + traces.chained());
    }
    for (Noted noted : all) {
      Optional<Long> mark = Procs.mark(noted.pid());
      if (!noted.alive() || mark.filter(birthmarks::contains).isEmpty()) {
        problems.add(noted + " is dead, or bears another birthmark: " + mark);
      }
    }
    if (tenancy.state() == State.STOPPED
        && !Until.holds(() -> Procs.state(worker.pid()).orElse('?') == 'T', Until.PATIENCE)) {
      problems.add("the worker is not stopped");
    }
    if (!problems.isEmpty()) {
      throw new AssertionError(tenancy + " is not in place: " + String.join("; ", problems));
    }
  }

  /// Looks whether it is over.
  boolean isOver() {
    long now = System.nanoTime();
    if (workerGone == 0 && !worker.alive()) {
      workerGone = now;
    }
    if (allGone == 0 && workerGone != 0 && all.stream().noneMatch(Noted::alive)) {
      allGone = traces.chained() ? 0 : now;
    }
    return allGone != 0;
  }

  /// What it came to.
  ///
  /// @param begin of the end, in nanoseconds; of a worker that ends alone its own
  MatrixResult.Cell result(long begin) {
    long from = tenancy.fate() == Fate.WITH_HOST ? begin : workerGone;
    return new MatrixResult.Cell(
        tenancy.state(),
        tenancy.kin(),
        tenancy.fate(),
        processes(),
        allGone == 0 ? 0 : Until.millis(allGone - from),
        survivors());
  }

  private List<String> survivors() {
    List<String> survivors = new ArrayList<>();
    if (allGone == 0) {
      all.stream().flatMap(it -> it.process().stream()).forEach(it -> survivors.add(it.toString()));
      if (traces.chained()) {
        survivors.add("the fork chain");
      }
    }
    return survivors;
  }
}
