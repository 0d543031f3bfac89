package dev.terrarium.cli;

import dev.terrarium.control.ControlClient;
import dev.terrarium.control.HostStatus;
import dev.terrarium.control.Reply;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.Overview;
import dev.terrarium.orphan.RunState;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.WorkerRow;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// What there is: the hosts that run were asked, and all else is by lock, ledger and birthmark.
///
/// @param detector that knows what the hosts said
/// @param replies of the runs that live, by their directories
public record Look(OrphanDetector detector, Overview overview, Map<Path, Reply> replies) {
  private static final int ASKED_AT_ONCE = 32;

  /// Looks, once. Takes as long as the slowest of the hosts, at most [ControlClient#TIMEOUT] for
  /// each 32 of them.
  public static Look at(OrphanDetector detector) {
    Map<Path, Reply> replies = ask(detector.runs());
    Map<Path, List<WorkerRow>> rows = new HashMap<>();
    replies.forEach(
        (directory, reply) -> {
          if (reply instanceof Reply.Answered(HostStatus status)) {
            rows.put(directory, status.ledger());
          }
        });
    OrphanDetector told = detector.told(rows);
    return new Look(told, told.overview(), replies);
  }

  /// What a run's host said of itself.
  public Optional<HostStatus> answer(KnownRun run) {
    return replies.get(run.directory()) instanceof Reply.Answered(HostStatus status)
        ? Optional.of(status)
        : Optional.empty();
  }

  /// Why a run that lives has said nothing.
  public Optional<String> silence(KnownRun run) {
    return replies.get(run.directory()) instanceof Reply.Silent(String why)
        ? Optional.of(why)
        : Optional.empty();
  }

  /// The ledger of a run that lives, zygotes included: as its host has it in memory, or as it
  /// stands in its file.
  List<WorkerRow> rows(KnownRun run) {
    return answer(run).map(HostStatus::ledger).orElse(run.rows());
  }

  /// Of a row's process what this machine says of it: only where it bears the mark of that run.
  Optional<Overview.Active> process(KnownRun run, WorkerRow row) {
    return row.identity()
        .flatMap(
            identity ->
                overview.active().stream()
                    .filter(it -> it.run().equals(run.id()) && it.identity().equals(identity))
                    .findFirst());
  }

  private static Map<Path, Reply> ask(List<KnownRun> runs) {
    Map<Path, Future<Reply>> asked = new HashMap<>();
    try (ExecutorService threads =
        Executors.newFixedThreadPool(
            ASKED_AT_ONCE, Thread.ofPlatform().daemon().name("terrarium-asks-", 0).factory())) {
      for (KnownRun run : runs) {
        run.manifest()
            .filter(_ -> run.state() instanceof RunState.Live)
            .ifPresent(it -> asked.put(run.directory(), threads.submit(() -> ask(it))));
      }
    } // which waits for all of them
    Map<Path, Reply> replies = new HashMap<>();
    asked.forEach((directory, reply) -> replies.put(directory, reply.resultNow()));
    return replies;
  }

  /// Who stands still is not waited for.
  private static Reply ask(RunManifest run) {
    ProcessIdentity host = run.identity().host();
    boolean stopped =
        ProcFs.stat(host.pid())
            .filter(stat -> stat.startTicks() == host.startTicks() && stat.stopped())
            .isPresent();
    return stopped
        ? new Reply.Silent("it is stopped; `kill -CONT %d` lets it go on".formatted(host.pid()))
        : ControlClient.status(run);
  }
}
