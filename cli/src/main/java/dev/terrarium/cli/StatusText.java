package dev.terrarium.cli;

import dev.terrarium.OrphanProcess;
import dev.terrarium.PoolStats;
import dev.terrarium.control.HostStatus;
import dev.terrarium.control.HostStatus.PoolStatus;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.orphan.KnownRun.Standing;
import dev.terrarium.orphan.Overview;
import dev.terrarium.orphan.SystemStatus;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.WorkerRow;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// The status for people: a line for each pool, then what needs a sentence, then the sum.
final class StatusText {
  private static final String UNKNOWN = "?";
  private static final String NONE = "-";

  private final Terminal terminal;
  private final Look look;
  private final Path home;
  private final List<String> notes = new ArrayList<>();
  private final Table table =
      new Table(
          Table.WIDTH, "RUN", ">HOST", "STATE", ">UP", "POOL", ">WORKERS", ">BUSY", ">WAITING");

  /// @param home where was looked
  StatusText(Terminal terminal, Look look, Path home) {
    this.terminal = terminal;
    this.look = look;
    this.home = home;
  }

  void print() {
    Overview overview = look.overview();
    overview.runs().forEach(this::add);
    if (overview.runs().isEmpty()) {
      terminal.print("no runs in " + home);
    } else {
      table.lines(terminal).forEach(terminal::print);
    }
    notes.forEach(terminal::print);
    sum(overview).forEach(terminal::print);
  }

  private void add(KnownRun run) {
    Optional<HostStatus> answer = look.answer(run);
    if (answer.isPresent()) {
      answered(run, answer.get());
    } else if (run.standing() == Standing.LIVE) {
      silent(run);
    } else {
      notAlive(run);
    }
  }

  private void answered(KnownRun run, HostStatus status) {
    String up = Words.time(status.uptime());
    if (status.pools().isEmpty()) {
      row(run, "alive", up, NONE, "0", "0", "0");
    }
    for (PoolStatus pool : status.pools()) {
      PoolStats stats = pool.stats();
      row(
          run,
          "alive",
          up,
          pool.name(),
          "%d/%d".formatted(stats.workers().size(), stats.size()),
          Integer.toString(stats.busy()),
          Integer.toString(stats.waiting()));
    }
  }

  /// By its ledger.
  private void silent(KnownRun run) {
    String up = run.details().map(it -> Words.age(it.startedAt())).orElse(UNKNOWN);
    Map<String, List<WorkerRow>> pools =
        run.rows().stream()
            .filter(row -> !row.isZygote())
            .collect(Collectors.groupingBy(WorkerRow::pool, TreeMap::new, Collectors.toList()));
    if (pools.isEmpty()) {
      row(run, "silent", up, NONE, "0", UNKNOWN, UNKNOWN);
    }
    pools.forEach(
        (pool, rows) -> {
          long alive = rows.stream().filter(StatusText::lives).count();
          row(run, "silent", up, pool, alive + "/" + rows.size(), UNKNOWN, UNKNOWN);
        });
    look.silence(run)
        .ifPresent(why -> notes.add("run %s does not answer: %s".formatted(run.id(), why)));
  }

  private static boolean lives(WorkerRow row) {
    return row.identity().filter(ProcessIdentity::alive).isPresent();
  }

  private void notAlive(KnownRun run) {
    row(run, Words.of(run.standing()), NONE, NONE, NONE, NONE, NONE);
    if (run.standing() == Standing.DEAD) {
      long left =
          look.overview().status().orphanDetails().stream()
              .map(OrphanProcess::run)
              .filter(run.id()::equals)
              .count();
      notes.add(
          "run %s is dead, and has left %s; `terrarium orphans kill` cleans up"
              .formatted(run.id(), Words.count(left, "process", "processes")));
    } else {
      notes.add("run %s: %s".formatted(run.id(), run.detail()));
    }
  }

  private void row(KnownRun run, String state, String up, String... figures) {
    String host = run.details().map(it -> it.origin().host().pid() + "").orElse(UNKNOWN);
    List<String> cells = new ArrayList<>(List.of(run.id(), host, state, up));
    cells.addAll(List.of(figures));
    table.row(cells.toArray(String[]::new));
  }

  private static List<String> sum(Overview overview) {
    SystemStatus status = overview.status();
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s registered, %d alive, %d dead; %s; health: %s"
            .formatted(
                Words.count(status.registry().totalRegistered(), "worker", "workers"),
                status.registry().aliveWorkers(),
                status.registry().deadWorkers(),
                Words.count(status.orphanedProcesses(), "orphan", "orphans"),
                Words.of(status.health())));
    if (!overview.suspects().isEmpty()) {
      lines.add(
          "%s only like ours; `terrarium orphans ls` shows them"
              .formatted(
                  Words.count(overview.suspects().size(), "process looks", "processes look")));
    }
    return lines;
  }
}
