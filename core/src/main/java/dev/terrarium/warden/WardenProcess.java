package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
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
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One warden: its process and its connection.
///
/// Its standard input is the pipe whose end tells it that the JVM is gone; it is kept open, and
/// unused, for as long as the JVM lives.
final class WardenProcess implements FrameHandler {
  /// How long a warden may take to say hello.
  static final Duration HELLO_TIMEOUT = Duration.ofSeconds(15);

  /// How long it may take to kill what is left, report, and end: usually some ten milliseconds.
  /// With the time that closing takes before, this has to fit into the JVM's shutdown hook; a
  /// warden that is stopped, or slower than this, is killed, and the JVM sweeps itself.
  static final Duration REPORT_TIMEOUT = Duration.ofSeconds(1);

  /// How long it may take to be dead of SIGKILL.
  static final Duration DEATH_TIMEOUT = Duration.ofSeconds(5);

  /// Its exit status where this machine has no namespace for it.
  private static final int EXIT_NOT_TO_BE_HAD = 3;

  private static final Logger LOG = LoggerFactory.getLogger(WardenProcess.class);

  private final ProcessKiller killer;
  private final Birthmark birthmark;
  private final Process process;
  private final Optional<ProcessIdentity> identity; // empty: it was dead before we could look
  // Asked for once: later the JDK would take whoever has its number by then for it, and wait for
  // him.
  private final CompletableFuture<Process> ended;
  private final OutputStream lifeline;
  private final BiConsumer<Long, Messages.FromWarden> reports;
  private final CompletableFuture<Connection> connected = new CompletableFuture<>();
  private final CompletableFuture<Messages.Report> report = new CompletableFuture<>();
  private final Map<Long, Consumer<String>> dumps = new ConcurrentHashMap<>();

  private WardenProcess(
      Wardens.Setup setup, Process process, BiConsumer<Long, Messages.FromWarden> reports) {
    this.killer = setup.killer();
    this.birthmark = setup.birthmark();
    this.process = process;
    this.ended = process.onExit();
    this.identity = ProcessIdentity.of(process.pid());
    this.lifeline = process.getOutputStream();
    this.reports = reports;
  }

  /// Starts a warden and waits for its hello.
  ///
  /// @throws StartFailedException where it does not come up
  static WardenProcess start(
      Wardens.Setup setup, Charge charge, BiConsumer<Long, Messages.FromWarden> reports) {
    Path log = charge.log(setup.directory());
    long said = log.toFile().length(); // by those before it
    Process process = launch(setup, charge, log);
    WardenProcess warden = new WardenProcess(setup, process, reports);
    String token = setup.gate().admit(warden::greeted);
    try {
      warden.configure(setup, charge, token);
      warden.connected.get(HELLO_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
      return warden;
    } catch (IOException | ExecutionException | TimeoutException e) {
      warden.end();
      throw warden.failed(charge, e, read(log, said));
    } catch (InterruptedException e) {
      warden.end();
      Thread.currentThread().interrupt();
      throw new StartFailedException(Reason.CANCELLED, "Interrupted while starting", e);
    } finally {
      setup.gate().revoke(token);
    }
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
            "The warden did not come up (%s); it said: %s".formatted(why, said),
            why);
  }

  private static Process launch(Wardens.Setup setup, Charge charge, Path log) {
    List<String> command = new ArrayList<>();
    command.addAll(List.of(setup.interpreter().toString(), "-I", "-S", setup.script().toString()));
    command.addAll(List.of("--snakepit-run-id", setup.run()));
    if (charge.enclosed()) {
      command.addAll(List.of("--pool", charge.pool()));
    }
    try {
      return new ProcessBuilder(command)
          .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
          .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
          .start();
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.WARDEN, "The warden cannot be started: " + e.getMessage(), e);
    }
  }

  // A warden that dies while it starts ends the wait at once.
  private void configure(Wardens.Setup setup, Charge charge, String token)
      throws IOException, InterruptedException {
    var _ =
        ended.thenAccept(
            dead ->
                connected.completeExceptionally(
                    new IOException("it exited with status " + dead.exitValue())));
    try {
      write(setup, charge, token);
    } catch (IOException e) {
      if (!process.waitFor(HELLO_TIMEOUT)) {
        throw e;
      }
      // It is dead, and its status says more.
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

  void send(long number, Messages.Outgoing message) {
    Connection connection = connected.getNow(null);
    if (connection != null) {
      connection.send(Messages.frame(number, message));
    }
  }

  void dump(long number, Consumer<String> answer) {
    // Two calls of one worker may pass their deadlines together: one dump answers both.
    dumps.merge(number, answer, Consumer::andThen);
    send(number, new Messages.Dump());
  }

  @Override
  public void onFrame(Frame frame) {
    switch (Messages.fromWarden(frame)) {
      case Messages.Dumped(String stacks) -> answer(frame.id(), stacks);
      case Messages.Report last -> report.complete(last);
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
      end(); // what counts is its death, which brings the next one
    }
  }

  /// Waits for its death.
  ///
  /// @return how it ended, for the log
  String awaitEnd() {
    return "status " + ended.join().exitValue();
  }

  /// Asks it to kill what is left, and waits for its end.
  ///
  /// @return how many it had to kill; empty where it did not say so in time
  OptionalInt shutDown() {
    send(0, new Messages.Shutdown());
    OptionalInt killed = OptionalInt.empty();
    long end = System.nanoTime() + REPORT_TIMEOUT.toNanos();
    try {
      Messages.Report said = report.get(REPORT_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS);
      killed = OptionalInt.of(said.killed());
      ended.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException | TimeoutException e) {
      // The sweep that follows finds what it could not report.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    end();
    return killed;
  }

  /// Kills it; does not wait. Whoever has said hello bears the mark. One that has not is known by
  /// its identity alone, which a stranger can have who got its number in the tick in which it
  /// started: so it gets nothing once it is known to be dead.
  void kill(String why) {
    if (greeted()) {
      identity.ifPresent(it -> killer.signal(it, birthmark, Signal.KILL, why));
    } else if (process.isAlive()) {
      identity.ifPresent(it -> killer.signal(it, Signal.KILL, why));
    }
  }

  private boolean greeted() {
    return connected.isDone() && !connected.isCompletedExceptionally();
  }

  /// Ends it for certain; its workers die with it.
  void end() {
    kill("the warden is to end");
    ended
        .copy()
        .orTimeout(DEATH_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
        .exceptionally(_ -> process)
        .join();
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
