package dev.terrarium.cli.demo;

import dev.terrarium.cli.Terminal;
import dev.terrarium.cli.demo.DemoReport.Busy;
import dev.terrarium.cli.demo.DemoReport.Killed;
import dev.terrarium.cli.demo.Witness.Seen;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/// Act two: a JVM with busy workers gets SIGKILL, and a witness counts.
final class KillAct {
  private static final Duration BUSY_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration GONE_TIMEOUT = Duration.ofSeconds(10);
  private static final int BUSY_LOOK_MILLIS = 50;
  private static final int GONE_LOOK_MILLIS = 1;

  private final Terminal terminal;
  private final DemoReport report;

  KillAct(Terminal terminal, DemoReport report) {
    this.terminal = terminal;
    this.report = report;
  }

  /// Returns whether nothing was left.
  boolean play(VictimJvm victim, int workers) throws Exception {
    long birthmark = birthmark(victim.awaitWorker());
    Set<Seen> before = awaitBusy(victim, birthmark, 2 + workers + VictimCommand.children(workers));
    report.busy(new Busy(before.size(), workers, Witness.children(victim.pid())));
    long begin = System.nanoTime();
    victim.kill();
    Set<Seen> left = awaitGone(before, birthmark, begin);
    long millis = (System.nanoTime() - begin) / 1_000_000;
    List<String> described = left.stream().map(Witness::describe).sorted().toList();
    report.killed(new Killed(before.size(), described, millis));
    return left.isEmpty();
  }

  private static long birthmark(long worker) {
    OptionalLong birthmark = Witness.birthmark(worker);
    return birthmark.orElseThrow(
        () -> new IllegalStateException("worker " + worker + " bears no birthmark"));
  }

  // Until each worker has its call and each child exists, or nearly so: what counts is who is there
  // at the kill.
  private Set<Seen> awaitBusy(VictimJvm victim, long birthmark, int expected)
      throws InterruptedException {
    long begin = System.nanoTime();
    while (true) {
      Set<Seen> present = Witness.family(victim.pid());
      present.addAll(Witness.bearers(birthmark));
      terminal.progress("processes that are up: %d of %d".formatted(present.size(), expected));
      if (present.size() >= expected || passed(begin, BUSY_TIMEOUT)) {
        return present;
      }
      Thread.sleep(BUSY_LOOK_MILLIS);
    }
  }

  // Twice in a row, since a process that is just being forked can slip through one look.
  private static Set<Seen> awaitGone(Set<Seen> before, long birthmark, long begin)
      throws InterruptedException {
    while (true) {
      Set<Seen> left = left(before, birthmark);
      if (left.isEmpty()) {
        left = left(before, birthmark);
      }
      if (left.isEmpty() || passed(begin, GONE_TIMEOUT)) {
        return left;
      }
      Thread.sleep(GONE_LOOK_MILLIS);
    }
  }

  private static Set<Seen> left(Set<Seen> before, long birthmark) {
    Set<Seen> left = new HashSet<>(before);
    left.removeIf(seen -> !Witness.lives(seen));
    if (left.isEmpty()) {
      left.addAll(Witness.bearers(birthmark));
    }
    return left;
  }

  private static boolean passed(long begin, Duration longest) {
    return System.nanoTime() - begin > longest.toNanos();
  }
}
