package dev.terrarium.process;

import java.util.function.LongPredicate;

/// Dead processes that this one has inherited, and that stay until it collects them: the orphans of
/// a dead warden go to the next process above that takes such in, which in a container often is the
/// JVM, as number 1. The JDK collects what it has started itself, and nobody else.
///
/// Nobody else's children are touched: another library's, whose exit status it still wants, do not
/// bear the mark.
public final class Zombies {
  private Zombies() {}

  /// Collects those that are dead, are children of this process, bear the run's mark, and have a
  /// number as wanted. Waits for nobody.
  ///
  /// @return how many that were
  public static int collect(Birthmark mark, LongPredicate numbers) {
    if (!inherits()) {
      return 0;
    }
    // A zombie keeps its number until it is collected, so it is still the same process in the end.
    return Math.toIntExact(
        ProcFs.pids().stream()
            .filter(Zombies::isDeadChild)
            .filter(pid -> bears(pid, mark, numbers))
            .filter(pid -> Libc.collect(pid) == pid)
            .count());
  }

  private static boolean inherits() {
    return ProcFs.ownPid() == 1 || Libc.childSubreaper() == 1;
  }

  private static boolean isDeadChild(long pid) {
    return ProcFs.stat(pid)
        .filter(stat -> stat.dead() && stat.parent() == ProcFs.ownPid())
        .isPresent();
  }

  private static boolean bears(long pid, Birthmark mark, LongPredicate numbers) {
    return Birthmark.of(pid)
        .filter(borne -> borne.run() == mark.run() && numbers.test(borne.worker()))
        .filter(borne -> !Realm.isAside(borne.worker())) // whoever has started it waits for it
        .isPresent();
  }
}
