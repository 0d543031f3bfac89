package dev.terrarium.cli;

import dev.terrarium.OrphanProcess;
import dev.terrarium.PoolStats;
import dev.terrarium.base.Count;
import dev.terrarium.control.HostStatus;
import dev.terrarium.control.HostStatus.PoolStatus;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.orphan.Overview;
import dev.terrarium.orphan.RunState;
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

/// The status for people: a line for each pool, one for each worker, then what needs a sentence,
/// then the sum.
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
  private final Table workers =
      new Table(Table.WIDTH, "RUN", "WORKER", ">PID", ">RESIDENT", ">CPU TIME");
  private boolean anyWorkers;
  private String cleanup = "terrarium orphans kill";

  /// @param home where was looked
  StatusText(Terminal terminal, Look look, Path home) {
    this.terminal = terminal;
    this.look = look;
    this.home = home;
  }

  /// @param all whether other installations follow
  void print(boolean all) {
    printRuns();
    Overview overview = look.overview();
    if (!overview.suspects().isEmpty()) {
      terminal.print(
          "%s only like ours; `terrarium orphans list` shows what there is"
              .formatted(
                  Count.grouped(overview.suspects().size(), "process looks", "processes look")));
    }
    if (!all && !overview.others().isEmpty()) {
      terminal.print(
          Count.grouped(overview.others().size(), "process of", "processes of")
              + " other installations: see `terrarium status --all`");
    }
  }

  /// Another one than that which was asked for.
  static void print(Terminal terminal, Installation other) {
    terminal.print("");
    terminal.print("other installation: " + other.home().map(Path::toString).orElse(UNKNOWN));
    if (other.home().isPresent() && other.look().isPresent()) {
      Path home = other.home().get();
      var text = new StatusText(terminal, other.look().get(), home);
      text.cleanup += " --home " + Words.command(List.of(home.toString()));
      text.printRuns();
    } else {
      terminal.print(
          "%s, whose state directory cannot be looked at: another user's, or a container's; `terrarium orphans --all` shows what there is"
              .formatted(Count.grouped(other.processes().size(), "process", "processes")));
    }
  }

  private void printRuns() {
    Overview overview = look.overview();
    overview.runs().forEach(this::add);
    if (overview.runs().isEmpty()) {
      terminal.print("no runs in " + home);
    } else {
      table.lines(terminal).forEach(terminal::print);
    }
    if (anyWorkers) {
      terminal.print("");
      workers.lines(terminal).forEach(terminal::print);
      terminal.print("");
    }
    notes.forEach(terminal::print);
    terminal.print(sum(overview.status()));
  }

  private void add(KnownRun run) {
    Optional<HostStatus> answer = look.answer(run);
    if (answer.isPresent()) {
      answered(run, answer.get());
    } else if (run.state() instanceof RunState.Live) {
      silent(run);
    } else {
      notAlive(run);
    }
    if (run.state() instanceof RunState.Live) {
      look.rows(run).stream().filter(row -> !row.isZygote()).forEach(row -> add(run, row));
    }
  }

  private void add(KnownRun run, WorkerRow row) {
    Optional<Overview.Active> process = look.process(run, row);
    anyWorkers = true;
    workers.row(
        run.id(),
        row.worker(),
        row.process().map(it -> Long.toString(it.pid())).orElse(NONE),
        process.map(it -> Words.memory(it.residentBytes())).orElse(NONE),
        process.map(it -> Words.cpu(it.cpu())).orElse(NONE));
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
    String up = run.manifest().map(it -> Words.age(it.startedAt())).orElse(UNKNOWN);
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
    row(run, Words.of(run.state()), NONE, NONE, NONE, NONE, NONE);
    if (run.state().isOver()) {
      long left =
          look.overview().status().orphanDetails().stream()
              .map(OrphanProcess::run)
              .filter(run.id()::equals)
              .count();
      notes.add(
          "run %s is dead, and has left %s; `%s` cleans up"
              .formatted(
                  run.id(),
                  left == 0 ? "no process" : Count.grouped(left, "process", "processes"),
                  cleanup));
    } else {
      notes.add("run %s: %s".formatted(run.id(), run.state().why()));
    }
  }

  private void row(KnownRun run, String state, String up, String... figures) {
    String host = run.manifest().map(it -> it.identity().host().pid() + "").orElse(UNKNOWN);
    List<String> cells = new ArrayList<>(List.of(run.id(), host, state, up));
    cells.addAll(List.of(figures));
    table.row(cells.toArray(String[]::new));
  }

  private static String sum(SystemStatus status) {
    return "%s registered, %d alive, %d dead; %s; health: %s"
        .formatted(
            Count.grouped(status.registry().totalRegistered(), "worker", "workers"),
            status.registry().aliveWorkers(),
            status.registry().deadWorkers(),
            Count.grouped(status.orphanedProcesses(), "orphan", "orphans"),
            Words.of(status.health()));
  }
}
