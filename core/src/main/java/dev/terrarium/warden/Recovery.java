package dev.terrarium.warden;

import dev.terrarium.base.Count;
import dev.terrarium.base.Log;
import dev.terrarium.process.Realm;
import dev.terrarium.process.SweepReport;
import dev.terrarium.process.Zombies;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/// What is to be done when there is no warden any more: owners hear of their processes' end, and
/// what is left of a realm is swept.
final class Recovery {
  /// How long one sweep may take.
  static final Duration SWEEP_TIMEOUT = Duration.ofSeconds(5);

  /// How often an owner is told anew of his process's end, where that fails; then others go on.
  static final int TELLS_MAX = 10;

  private static final String DIED = "it died with its warden";
  private static final Log LOG = Log.of(Recovery.class);

  private final Wardens.Setup setup;
  private final Charge charge;
  private final Predicate<Realm> swept;
  private final Retry retry;

  /// @param swept the realms whose processes are to be swept
  Recovery(Wardens.Setup setup, Charge charge, Predicate<Realm> swept, Retry retry) {
    this.setup = setup;
    this.charge = charge;
    this.swept = swept;
    this.retry = retry;
  }

  /// Clears up after a warden that died. Owners first: their callers wait for what has happened,
  /// not for what can be done about it. Returns when no process is left, but for those that the
  /// kernel does not let go of, or when the realm has closed.
  ///
  /// @param end how it ended
  void from(String end, Orphaned orphaned) {
    String warden = charge.warden(setup.run());
    int workers = orphaned.count();
    boolean _ = retry.run("Telling of the workers' death", 1, () -> orphaned.tellOfDeath(DIED));
    String replaced = Count.of(workers, "worker is replaced", "workers are replaced");
    LOG.warn("The {} is gone ({}); its {}", warden, end, replaced);
    boolean _ = retry.run("The sweep after the " + warden, () -> sweepUpAfter(orphaned));
    boolean _ = retry.run("Telling of the workers' end", TELLS_MAX, () -> orphaned.tell(DIED));
  }

  private void sweepUpAfter(Orphaned orphaned) {
    orphaned.keep(numbers(sweep("the warden died")));
    collectZombies();
    int _ = setup.cgroups().clear(swept, "the warden died");
    orphaned.record(setup.killer(), DIED);
  }

  private SweepReport sweep(String why) {
    SweepReport report = setup.killer().sweep(setup.birthmark(), swept, why, SWEEP_TIMEOUT);
    if (!report.clear()) {
      LOG.error("Run {}: processes could not be killed: {}", setup.run(), report);
    }
    return report;
  }

  /// Where this JVM is the first process of its namespace, or a subreaper, the orphans of a dead
  /// warden are its children. The wardens themselves are collected by the JDK.
  private void collectZombies() {
    int _ =
        Zombies.collect(
            setup.birthmark(),
            number -> swept.test(Realm.of(number)) && number != Realm.COMMON.warden());
  }

  private static Set<Long> numbers(SweepReport report) {
    return report.left().stream()
        .map(it -> it.bearer().mark().worker())
        .collect(Collectors.toSet());
  }

  /// What the last sweep of a realm came to.
  ///
  /// @param killed how many it had to kill
  /// @param left the pids of those that it could not
  /// @param certain whether more cannot be left
  record Last(int killed, List<Long> left, boolean certain) {}

  /// Sweeps once, when the realm has closed, and tells the owners of what it had.
  Last last(Roster.All all) {
    String why = charge.enclosed() ? "its pool has closed" : "the runtime closes";
    try {
      SweepReport report = sweep(why);
      collectZombies();
      int killed = (int) report.killed() + setup.cgroups().clear(swept, why);
      tell(all, numbers(report));
      List<Long> left = report.left().stream().map(it -> it.bearer().identity().pid()).toList();
      return new Last(killed, left, report.complete() || !left.isEmpty());
    } catch (RuntimeException | Error e) {
      LOG.warn("Run {}: it cannot be looked at whether anything is left", setup.run(), e);
      return new Last(0, List.of(), false);
    }
  }

  private void tell(Roster.All all, Set<Long> left) {
    var orphaned = new Orphaned(all);
    orphaned.keep(left);
    boolean _ = retry.run("Telling of the workers' end", 1, () -> orphaned.tell("it was killed"));
  }
}
