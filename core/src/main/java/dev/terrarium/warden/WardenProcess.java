package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Log;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.FileErrors;
import dev.terrarium.process.MarkedProcess;
import dev.terrarium.process.PrivateFiles;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessKiller.Result;
import dev.terrarium.process.Signal;
import dev.terrarium.process.SweepReport;
import dev.terrarium.wire.Connection;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameHandler;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.ProtocolException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One warden: its process and its connection.
///
/// Its standard input is the pipe whose end tells it that the JVM is gone; it is kept open, and
/// unused, for as long as the JVM lives. Until it has come so far as to look after that, it hangs
/// on a lifeline like everybody else ([MarkedProcess]).
final class WardenProcess implements FrameHandler {
  /// How long a warden may take to say hello.
  static final Duration HELLO_TIMEOUT = Duration.ofSeconds(15);

  /// How often it is looked, meanwhile, whether it is dead, or not wanted any more.
  private static final long LOOK_MILLIS = 50;

  /// How long it may take to kill what is left, report, and end: usually some ten milliseconds.
  /// With the time that closing takes before, this has to fit into the JVM's shutdown hook; a
  /// warden that is stopped, or slower than this, is killed, and the JVM sweeps itself.
  static final Duration REPORT_TIMEOUT = Duration.ofSeconds(1);

  /// How long it may take to be dead of SIGKILL.
  static final Duration DEATH_TIMEOUT = Duration.ofSeconds(5);

  /// Its exit status where this machine has no namespace for it.
  private static final int EXIT_NOT_TO_BE_HAD = 3;

  private static final Log LOG = Log.of(WardenProcess.class);

  private final ProcessKiller killer;
  private final Birthmark birthmark;
  private final Process process;
  private volatile Optional<ProcessIdentity> identity; // empty: we could not look, or it was dead
  private final OutputStream lifeline;
  private final BiConsumer<Long, Messages.FromWarden> reports;
  private final CompletableFuture<Connection> connected = new CompletableFuture<>();
  private final CompletableFuture<Messages.Report> report = new CompletableFuture<>();
  private final Map<Long, Consumer<String>> dumps = new ConcurrentHashMap<>();
  private volatile long heardAt = System.nanoTime();
  private volatile long answeredAt = heardAt;

  private WardenProcess(
      Wardens.Setup setup, Process process, BiConsumer<Long, Messages.FromWarden> reports) {
    this.killer = setup.killer();
    this.birthmark = setup.birthmark();
    this.process = process;
    this.identity = ProcessIdentity.of(process.pid());
    this.lifeline = process.getOutputStream();
    this.reports = reports;
  }

  /// Starts a warden and waits for its hello.
  ///
  /// @param wanted asked meanwhile
  /// @throws StartFailedException where it does not come up, or is not wanted any more; it is dead
  ///   then, or about to be
  static WardenProcess start(
      Wardens.Setup setup,
      Charge charge,
      BiConsumer<Long, Messages.FromWarden> reports,
      BooleanSupplier wanted) {
    Path log = charge.log(setup.directory());
    long said = log.toFile().length(); // by those before it
    MarkedProcess process = launch(setup, charge, log);
    try {
      return comeUp(setup, charge, new WardenProcess(setup, process, reports), wanted, said);
    } catch (Throwable e) {
      process.close(); // whatever it was that failed
      throw e;
    }
  }

  private static WardenProcess comeUp(
      Wardens.Setup setup, Charge charge, WardenProcess warden, BooleanSupplier wanted, long said) {
    String token = setup.gate().admit(warden::greeted);
    try {
      warden.configure(setup, charge, token);
      warden.awaitHello(wanted);
      return warden;
    } catch (IOException | ExecutionException | TimeoutException e) {
      warden.end();
      sweepAfter(setup, charge);
      throw warden.failed(charge, e, read(charge.log(setup.directory()), said));
    } catch (InterruptedException e) {
      warden.end();
      Thread.currentThread().interrupt();
      throw new StartFailedException(Reason.CANCELLED, "Interrupted while starting", e);
    } catch (RuntimeException | Error e) {
      warden.end();
      throw e;
    } finally {
      setup.gate().revoke(token);
    }
  }

  // What does not come up may be no warden at all, but a program that has started others.
  private static void sweepAfter(Wardens.Setup setup, Charge charge) {
    SweepReport _ =
        setup.killer().sweep(mark(setup, charge), "the warden did not come up", DEATH_TIMEOUT);
  }

  private static Birthmark.Mark mark(Wardens.Setup setup, Charge charge) {
    return new Birthmark.Mark(setup.birthmark().run(), charge.realm().warden());
  }

  private StartFailedException failed(Charge charge, Exception why, String said) {
    boolean refused =
        charge.enclosed() && !process.isAlive() && process.exitValue() == EXIT_NOT_TO_BE_HAD;
    return refused
        ? new StartFailedException(
            Reason.CONTAINMENT,
            "Pool '%s': isolation(PID_NAMESPACE) is not to be had on this machine; %s"
                .formatted(charge.pool(), said),
            why)
        : new StartFailedException(
            Reason.WARDEN,
            "The warden did not come up (%s); it said: %s"
                .formatted(
                    why instanceof TimeoutException
                        ? "no hello within %d s".formatted(HELLO_TIMEOUT.toSeconds())
                        : why,
                    said),
            why);
  }

  private static MarkedProcess launch(Wardens.Setup setup, Charge charge, Path log) {
    List<String> command = new ArrayList<>();
    command.addAll(List.of(setup.interpreter().toString(), "-I", "-S", setup.script().toString()));
    command.addAll(List.of("--snakepit-run-id", setup.run()));
    if (charge.enclosed()) {
      command.addAll(List.of("--pool", charge.pool()));
    }
    makeLog(log);
    try {
      return MarkedProcess.start(command, Optional.of(mark(setup, charge)), log);
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.WARDEN, "The warden cannot be started: " + e.getMessage(), e);
    }
  }

  private static void makeLog(Path log) {
    try {
      PrivateFiles.makeFile(log);
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.DIRECTORY,
          "%s: the warden's log cannot be made (%s); make the directory writable, free space there, or set TERRARIUM_HOME"
              .formatted(log, FileErrors.describe(e, log)),
          e);
    }
  }

  private void configure(Wardens.Setup setup, Charge charge, String token)
      throws IOException, InterruptedException {
    try {
      write(setup, charge, token);
    } catch (IOException e) {
      if (!process.waitFor(HELLO_TIMEOUT)) {
        throw e;
      }
      // It is dead, and its status says more.
    }
  }

  // In short steps, not by the JDK's word of its end: that comes on a thread which is made for it,
  // or cannot be.
  private void awaitHello(BooleanSupplier wanted)
      throws IOException, InterruptedException, ExecutionException, TimeoutException {
    long end = System.nanoTime() + HELLO_TIMEOUT.toNanos();
    while (true) {
      try {
        connected.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        return;
      } catch (TimeoutException e) {
        if (System.nanoTime() > end) {
          throw e;
        }
      }
      if (!process.isAlive()) {
        throw new IOException("it exited with status " + process.exitValue());
      }
      if (!wanted.getAsBoolean()) {
        throw new StartFailedException(Reason.CANCELLED, "The runtime closes");
      }
    }
  }

  private void write(Wardens.Setup setup, Charge charge, String token) throws IOException {
    ProcessIdentity host = ProcessIdentity.self();
    lifeline.write(
        Messages.write(
            new Messages.WardenConfig(
                setup.run(),
                setup.birthmark().run(),
                charge.realm().warden(),
                charge.enclosed(),
                setup.socket().toString(),
                setup.lifelines().toString(),
                new Messages.Token(token),
                new Messages.Host(host.pid(), host.startTicks()),
                setup.directory().toString())));
    lifeline.write('\n');
    lifeline.flush();
  }

  private FrameHandler greeted(Connection connection, Frame hello) {
    if (hello.type() != FrameType.WARDEN_HELLO) {
      throw new ProtocolException("the warden's token came with " + hello.type());
    }
    connected.complete(connection);
    return this;
  }

  /// Whether anything has come from it since then, of the nanosecond clock.
  boolean heardSince(long nanos) {
    return heardAt - nanos > 0;
  }

  /// Whether it has answered a [Messages.Ping] since then.
  boolean answeredSince(long nanos) {
    return answeredAt - nanos > 0;
  }

  void send(long number, Messages.Outgoing message) {
    Connection connection = connected.getNow(null);
    if (connection != null) {
      connection.send(Messages.frame(number, message));
    }
  }

  void dump(long number, Consumer<String> answer) {
    // Two calls of one worker may pass their deadlines together, and a hundred workers wait for one
    // zygote: one dump answers all who ask before it has come.
    if (answer.equals(dumps.merge(number, answer, Consumer::andThen))) {
      send(number, new Messages.Dump());
    }
  }

  @Override
  public void onFrame(Frame frame) {
    heardAt = System.nanoTime();
    switch (Messages.fromWarden(frame)) {
      case Messages.Dumped(String stacks) -> answer(frame.id(), stacks);
      case Messages.Report last -> report.complete(last);
      case Messages.Pong _ -> answeredAt = heardAt;
      case Messages.FromWarden other -> reports.accept(frame.id(), other);
    }
  }

  private void answer(long number, String stacks) {
    Consumer<String> answer = dumps.remove(number);
    if (answer != null) {
      answer.accept(stacks);
    }
  }

  @Override
  public void onClosed(@Nullable ProtocolException reason) {
    report.completeExceptionally(new IOException("the warden's connection closed"));
    if (reason != null) {
      LOG.error("The warden broke the protocol and is replaced", reason);
      kill("it broke the protocol"); // what counts is its death, which brings the next one
    }
  }

  /// Waits for its death, whatever interrupts.
  ///
  /// @return how it ended, for the log
  String awaitEnd() {
    while (true) {
      try {
        return "status " + process.waitFor();
      } catch (InterruptedException e) {
        LOG.debug("Nobody interrupts who waits for a warden", e);
      }
    }
  }

  /// Asks it to kill what is left, and waits for its end.
  ///
  /// @return what it said of that; empty where it said nothing in time
  Optional<Messages.Report> shutDown() {
    send(0, new Messages.Shutdown());
    Optional<Messages.Report> said = Optional.empty();
    long end = System.nanoTime() + REPORT_TIMEOUT.toNanos();
    try {
      said = Optional.of(report.get(REPORT_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS));
      boolean _ = process.waitFor(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
    } catch (ExecutionException | TimeoutException e) {
      // The sweep that follows finds what it could not report.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    end();
    return said;
  }

  /// Kills it; does not wait. Whoever has said hello bears the mark. One that has not is known by
  /// its identity alone, which a stranger can have who got its number in the tick in which it
  /// started: so it gets nothing once it is known to be dead.
  ///
  /// Where no descriptor is left for a signal its standard input closes, and it ends by itself.
  void kill(String why) {
    Optional<ProcessIdentity> target = identity();
    boolean living = process.isAlive();
    if (target.isEmpty() ? living : send(target.get(), living, why) instanceof Result.Refused) {
      closeLifeline();
    }
  }

  private Result send(ProcessIdentity target, boolean living, String why) {
    if (connected.isDone()) {
      return killer.signal(target, birthmark, Signal.KILL, why);
    }
    return living
        ? killer.signal(target, Signal.KILL, why)
        : new Result.AlreadyDead("its end is known");
  }

  // Where there was no descriptor to look at it when it was started it is looked at again. As long
  // as it is not known to be dead its number is nobody else's.
  private Optional<ProcessIdentity> identity() {
    if (identity.isEmpty()) {
      Optional<ProcessIdentity> seen = ProcessIdentity.of(process.pid());
      identity = process.isAlive() ? seen : Optional.empty();
    }
    return identity;
  }

  /// Ends it for certain; its workers die with it.
  void end() {
    kill("the warden is to end");
    try {
      boolean _ = process.waitFor(DEATH_TIMEOUT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    closeLifeline();
  }

  private void closeLifeline() {
    try {
      lifeline.close();
    } catch (IOException e) {
      // The pipe is gone with its reader; there is nothing left to close.
    }
  }

  private static String read(Path log, long from) {
    try (InputStream in = Files.newInputStream(log)) {
      in.skipNBytes(from);
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
      return text.isEmpty() ? "nothing" : text;
    } catch (IOException e) {
      return "nothing (" + e + ")";
    }
  }
}
