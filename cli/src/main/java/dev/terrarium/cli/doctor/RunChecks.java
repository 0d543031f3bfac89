package dev.terrarium.cli.doctor;

import dev.terrarium.base.Count;
import dev.terrarium.cli.Look;
import dev.terrarium.control.HostStatus;
import dev.terrarium.orphan.DetectionCheck;
import dev.terrarium.orphan.DetectionCheck.SelfTest;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.orphan.RunState;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.LedgerContents;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// The runs of the state directory: what lives, what is dead, and whether hosts, ledgers and
/// processes agree.
final class RunChecks {
  /// A reservation becomes a process within a fraction of this, or is released by its host.
  private static final Duration RESERVED_MAX = Duration.ofMinutes(2);

  private final Look look;
  private final List<Finding> findings = new ArrayList<>();

  private RunChecks(Look look) {
    this.look = look;
  }

  static List<Finding> of(Look look, DetectionCheck.Validation validation) {
    var checks = new RunChecks(look);
    checks.runs();
    look.overview().runs().forEach(checks::run);
    checks.detection(validation);
    return checks.findings;
  }

  private void runs() {
    List<KnownRun> runs = look.overview().runs();
    long live = runs.stream().filter(it -> it.state() instanceof RunState.Live).count();
    long dead = runs.stream().filter(it -> it.state().isOver()).count();
    int orphans = look.overview().status().orphanedProcesses();
    String alive = Count.grouped(live, "run lives", "runs live");
    findings.add(
        dead == 0
            ? Finding.ok("runs", alive + ", none is dead")
            : Finding.warn(
                "runs",
                "%s, %d dead with %s left"
                    .formatted(alive, dead, Count.grouped(orphans, "process", "processes")),
                "terrarium orphans kill; the next start of a runtime does the same"));
  }

  private void run(KnownRun run) {
    switch (run.state()) {
      case RunState.Live _ -> live(run);
      case RunState.Dead _,
          RunState.OfAnotherBoot _,
          RunState.HalfRemoved _ -> {} // counted already
      case RunState.Foreign(var why) ->
          findings.add(
              Finding.warn(
                  "run " + run.id(),
                  why + ", so that nothing can be said of it",
                  "ask there; give each of them a TERRARIUM_HOME of its own"));
      case RunState.Unreadable(var why) ->
          findings.add(
              Finding.warn(
                  "run " + run.id(),
                  why,
                  "look for what it left (terrarium orphans list), then remove "
                      + run.directory()));
    }
  }

  private void live(KnownRun run) {
    look.silence(run)
        .ifPresent(
            why ->
                findings.add(
                    Finding.warn(
                        "run " + run.id(),
                        "its host does not answer: " + why,
                        "look at the host; nothing of it is touched while its lock is held")));
    ledger(run);
    reservations(run);
  }

  /// Where the record of a living host is not what the host knows.
  private void ledger(KnownRun run) {
    try {
      LedgerContents contents = ProcessRegistry.read(run.directory());
      // Read after the host answered: what it had then is there, or has ended since.
      Set<Long> written =
          contents.rows().stream().map(WorkerRow::number).collect(Collectors.toSet());
      long missing =
          look.answer(run).stream()
              .map(HostStatus::ledger)
              .flatMap(List::stream)
              .filter(row -> !written.contains(row.number()) && lives(row))
              .count();
      if (missing > 0 || !contents.problems().isEmpty()) {
        findings.add(
            Finding.warn(
                "run " + run.id(),
                "its ledger lacks %s; %s"
                    .formatted(
                        Count.grouped(missing, "living worker", "living workers"),
                        problems(contents)),
                "free space on the disk; the workers are found by their birthmark all the same"));
      }
    } catch (IOException e) {
      findings.add(
          Finding.warn(
              "run " + run.id(),
              "its ledger cannot be read: " + e.getMessage(),
              "look at the permissions of " + run.directory()));
    }
  }

  private static String problems(LedgerContents contents) {
    return contents.problems().isEmpty()
        ? "no line is damaged"
        : String.join(", ", contents.problems());
  }

  private static boolean lives(WorkerRow row) {
    return row.identity().filter(ProcessIdentity::alive).isPresent();
  }

  private void reservations(KnownRun run) {
    Instant longAgo = Instant.now().minus(RESERVED_MAX);
    List<WorkerRow> rows = look.answer(run).map(HostStatus::ledger).orElse(run.rows());
    List<String> waiting =
        rows.stream()
            .filter(row -> row.process().isEmpty() && row.reservedAt().isBefore(longAgo))
            .map(WorkerRow::worker)
            .toList();
    if (!waiting.isEmpty()) {
      findings.add(
          Finding.warn(
              "run " + run.id(),
              "reserved and never started: " + String.join(", ", waiting),
              "the host releases them within a minute; if not, look at %s/warden.log and at the host's log"
                  .formatted(run.directory())));
    }
  }

  private void detection(DetectionCheck.Validation validation) {
    String seen =
        "%s of ours looked at, %s"
            .formatted(
                Count.grouped(validation.processes(), "process", "processes"),
                Count.grouped(validation.activeWorkers(), "active worker", "active workers"));
    switch (validation.status()) {
      case OK -> findings.add(Finding.ok("detection", "self-test passed; " + seen));
      case FAILED ->
          findings.add(
              Finding.fail(
                  "detection",
                  validation.selfTest() instanceof SelfTest.Failed(var why)
                      ? why
                      : "something needed is missing",
                  "see what else is FAIL here; a seccomp filter may refuse pidfds or prlimit"));
      case SUSPICIOUS ->
          validation.verdicts().stream()
              .filter(verdict -> !verdict.proved())
              .forEach(
                  verdict ->
                      findings.add(
                          Finding.warn(
                              "detection",
                              "pid %d: %s".formatted(verdict.pid(), verdict.why()),
                              "nothing of a run is touched while its lock is held; look again in a"
                                  + " moment: the host sweeps what its dead warden left")));
    }
  }
}
