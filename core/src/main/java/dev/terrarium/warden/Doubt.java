package dev.terrarium.warden;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
import dev.terrarium.wire.Messages;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/// A worker was to be killed, and long after nothing has been heard of its death: is that the
/// warden's fault? It is asked, and only one that is silent, or has lost the worker, is replaced,
/// since all its other workers go with it. One worker that cannot be collected costs nobody else
/// anything.
///
/// A dead process stays a zombie for as long as somebody traces it, and one with much memory takes
/// seconds to give that back: a warden can do nothing about either.
public final class Doubt {
  /// How long the warden has to say anything at all.
  public static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(2);

  /// What came of it.
  public sealed interface Finding {
    /// The warden has been killed, and all its workers are about to be reported dead.
    record Replaced(String why) implements Finding {}

    /// The process is dead, and the warden cannot collect it; or there is none, and never will be.
    record Dead(String why) implements Finding {}

    /// The warden does what it can.
    record Excused(String why) implements Finding {}
  }

  private final ProcessKiller killer;
  private final Birthmark birthmark;
  private final Optional<WardenProcess> asked;
  private final boolean known;
  private final Optional<ProcessIdentity> worker;
  private final long askedAt = System.nanoTime();

  /// Asks.
  ///
  /// @param asked who gets the question; empty where a successor is on its way, which says it all
  /// @param known whether anything is still to be reported of it
  /// @param worker the process, where there is one and it has not been reported dead
  Doubt(
      Wardens.Setup setup,
      Optional<WardenProcess> asked,
      boolean known,
      Optional<ProcessIdentity> worker) {
    this.killer = setup.killer();
    this.birthmark = setup.birthmark();
    this.asked = asked;
    this.known = known;
    this.worker = worker;
    asked.ifPresent(warden -> warden.send(0, new Messages.Ping()));
  }

  /// What is to be thought of it after [#ANSWER_TIMEOUT], if nothing has been heard of the worker
  /// meanwhile. A warden or a worker that has to be killed is. Does not block.
  public Finding conclude() {
    if (!known) {
      return new Finding.Dead("unknown to its warden");
    }
    if (asked.isEmpty()) {
      return new Finding.Excused("the warden is being replaced");
    }
    if (!asked.get().heardSince(askedAt)) {
      return replaced("it does not answer");
    }
    if (!asked.get().answeredSince(askedAt)) {
      return new Finding.Excused("the warden is busy with others");
    }
    try {
      return worker.map(this::judge).orElse(new Finding.Excused("it has no process yet"));
    } catch (UncheckedIOException e) {
      return new Finding.Excused(String.valueOf(e.getMessage()));
    }
  }

  private Finding judge(ProcessIdentity process) {
    Optional<ProcStat> stat = process.certainStat();
    if (stat.isEmpty()) {
      // Its answer came after all that it had to say of the worker.
      return replaced("it has lost process " + process.pid());
    }
    OptionalLong tracer = ProcFs.tracer(process.pid());
    if (stat.get().dead()) {
      return new Finding.Dead(
          tracer.isPresent()
              ? "dead; process %d traces it and has not let go of it".formatted(tracer.getAsLong())
              : "dead, and cannot be collected");
    }
    return new Finding.Excused(excuse(process, stat.get(), tracer));
  }

  private String excuse(ProcessIdentity process, ProcStat stat, OptionalLong tracer) {
    if (stat.uninterruptible()) {
      return "stuck in the kernel (state D); it dies when that lets it go";
    }
    if (stat.exiting()) {
      return "on its way out: the kernel gives back what it had";
    }
    if (tracer.isPresent()) {
      return "traced by process %d, which has not let it go on".formatted(tracer.getAsLong());
    }
    ProcessKiller.Result result =
        killer.signal(process, birthmark, Signal.KILL, "its warden has not ended it");
    return "alive (state %s); SIGKILL: %s".formatted(stat.state(), result.describe());
  }

  private Finding replaced(String why) {
    asked.ifPresent(warden -> warden.kill(why));
    return new Finding.Replaced(why);
  }
}
