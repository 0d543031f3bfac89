package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.base.SteadyThread;
import dev.terrarium.process.Realm;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/// The wardens of a runtime: the one that its pools share, and one for each pool that lives in a
/// PID namespace. Each dies, is succeeded, and is swept up after for itself.
///
/// Safe for use by many threads.
public final class Realms {
  private final Wardens.Setup setup;
  private final Wardens common;
  private final Map<Realm, Wardens> enclosed = new ConcurrentHashMap<>();
  private final AtomicLong last = new AtomicLong();

  public Realms(Wardens.Setup setup) {
    this.setup = setup;
    // Whatever nobody else looks after: a process can change the number that it bears, within
    // limits.
    this.common = new Wardens(setup, Charge.COMMON, realm -> !enclosed.containsKey(realm));
  }

  /// Starts the common warden and waits for it.
  ///
  /// @throws StartFailedException where it does not come up
  public void start() {
    common.start();
  }

  /// The threads that replace wardens, for a watchdog.
  public List<SteadyThread> keepers() {
    return Stream.concat(Stream.of(common), enclosed.values().stream())
        .flatMap(each -> each.keeper().stream())
        .toList();
  }

  /// For all pools that ask for nothing else.
  public Wardens common() {
    return common;
  }

  /// For a pool of its own, in a PID namespace; to be entered before it is used.
  public Wardens enclosed(String pool) {
    Realm realm = new Realm(last.incrementAndGet());
    return new Wardens(setup, new Charge(realm, pool), realm::equals);
  }

  /// A pool is about to start its first process there.
  ///
  /// @throws StartFailedException where this machine has no PID namespace for us
  public void enter(Wardens wardens) {
    if (wardens != common) {
      enclosed.put(wardens.realm(), wardens);
      wardens.start();
    }
  }

  /// A pool has ended; so does what was for it alone.
  public Wardens.Report leave(Wardens wardens) {
    if (wardens == common) {
      return Wardens.Report.NOTHING;
    }
    wardens.awaitCleared();
    Wardens.Report report = wardens.shutDown();
    enclosed.remove(wardens.realm(), wardens);
    return report;
  }

  /// Whether this number's process was ordered, and is not cleared yet.
  public boolean knows(long number) {
    return enclosed.getOrDefault(Realm.of(number), common).knows(number);
  }

  /// Ends all of them, those of pools that have not ended in time included.
  public Wardens.Report shutDown() {
    Wardens.Report report = Wardens.Report.NOTHING;
    for (Wardens each : enclosed.values()) {
      report = report.and(leave(each));
    }
    return report.and(common.shutDown());
  }
}
