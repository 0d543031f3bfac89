package dev.terrarium.trials;

import dev.terrarium.Config;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Runs one [Strike]: starts the host beside its neighbours, waits for the moment, gathers
/// strangers around it that look like its own workers, strikes, and looks who is left and who is
/// hurt.
final class ChaosStrike {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration READY = Duration.ofMinutes(2);

  private static final String NO_RUN_YET = "0000000";
  private static final Pattern RUN =
      Pattern.compile("\"run\":\"(\\w+)\",\"birthmark\":(\\d+),\"host\":\\{\"pid\":(\\d+)");

  private final Strike strike;
  private final Neighbourhood neighbourhood;
  private final Path scratch = Places.scratch();
  private final String cookie = UUID.randomUUID().toString();
  private final List<Stranger> strangers = new ArrayList<>();
  private final Scene scene;

  private ChaosStrike(Strike strike, Neighbourhood neighbourhood) {
    this.strike = strike;
    this.neighbourhood = neighbourhood;
    this.scene =
        new Scene(
            cookie,
            Scene.traces(scratch, strike.tenancies().size()),
            process -> strangers.stream().anyMatch(it -> it.is(process)));
  }

  /// A strike that could not be held as it should proves nothing; the result has the reason.
  static ChaosResult run(Strike strike, Neighbourhood neighbourhood) {
    ChaosStrike running = new ChaosStrike(strike, neighbourhood);
    try {
      return running.run();
    } catch (AssertionError | RuntimeException e) {
      return ChaosResult.notHeld(strike, String.valueOf(e.getMessage()));
    } finally {
      running.scene.clear();
      running.strangers.forEach(Stranger::close);
      Places.remove(running.scratch);
    }
  }

  private ChaosResult run() {
    var orders =
        new Host.Orders(
            neighbourhood.home(),
            scratch,
            Ending.SIGKILL,
            strike.start(),
            strike.workers(),
            strike.tenancies());
    try (Jvm host =
        Jvm.start(Host.class, Map.of(Scene.COOKIE, cookie), List.of(), orders.arguments())) {
      host.awaitLine(line -> line.startsWith(strike.since().line()), READY);
      LockSupport.parkNanos(strike.millis() * 1_000_000L); // the moment, not a wait for something
      gather(host.pid());
      return strike(host);
    }
  }

  private ChaosResult strike(Jvm host) {
    int processes = scene.look(Procs.find(host.pid()).orElseThrow());
    Optional<Proc> warden = Scene.warden(host.pid());
    Blow blow = strike.blow().with(warden);
    long begin = System.nanoTime();
    blow.strike(host, warden);
    List<String> orphans = new ArrayList<>();
    int left = 0;
    double millis;
    double sweepMillis = 0;
    if (blow.leavesNobody()) {
      orphans.addAll(awaitKernel());
      millis = Until.millisSince(begin);
      left = scene.survivors().size();
      begin = System.nanoTime();
      orphans.addAll(startAgain());
      sweepMillis = Until.millisSince(begin);
    } else {
      orphans.addAll(scene.awaitNobody(PATIENCE));
      millis = Until.millisSince(begin);
    }
    return new ChaosResult(
        strike.number(),
        strike.since(),
        blow,
        processes,
        left,
        millis,
        sweepMillis,
        orphans,
        hurt(),
        "");
  }

  /// Waits for what the kernel does without any of us: only who left his worker's group may stay.
  ///
  /// @return who is there and should not be
  private List<String> awaitKernel() {
    boolean done = Until.holds(() -> staying().isEmpty(), PATIENCE);
    return done ? List.of() : staying();
  }

  private List<String> staying() {
    List<Noted> detached = scene.noted().stream().filter(Noted::detached).toList();
    return scene.knownAlive().stream()
        .filter(process -> detached.stream().noneMatch(it -> it.is(process)))
        .map(Proc::toString)
        .toList();
  }

  /// The next start of a runtime in the same home, which ends what the kernel left.
  ///
  /// @return who is left all the same
  private List<String> startAgain() {
    try (Terrarium _ = Terrarium.start(Config.defaults().withHome(neighbourhood.home()))) {
      return scene.awaitNobody(PATIENCE);
    }
  }

  /// Around the host, as late as possible: its run id and its workers' environment have to be
  /// there.
  private void gather(long host) {
    String runId = runId(host).orElse(NO_RUN_YET);
    strangers.add(Stranger.lookalike(runId, scratch.resolve("lookalike")));
    long model =
        scene.noted().stream()
            .filter(it -> it.isWorker() && it.alive())
            .map(Noted::pid)
            .findFirst()
            .orElse(host);
    strangers.add(Stranger.impostor(runId, scratch.resolve("impostor"), Procs.environment(model)));
  }

  /// As its run directory says; empty where there is none yet.
  private Optional<String> runId(long host) {
    Path runs = neighbourhood.home().resolve("runs");
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(runs)) {
      for (Path directory : directories) {
        Matcher details = RUN.matcher(read(directory.resolve("run.json")));
        if (details.find() && Long.parseLong(details.group(3)) == host) {
          scene.bears(Long.parseLong(details.group(2)));
          return Optional.of(details.group(1));
        }
      }
      return Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Empty where it is not there yet, or not any more.
  private static String read(Path file) throws IOException {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  private List<String> hurt() {
    List<String> hurt = new ArrayList<>(neighbourhood.hurt());
    strangers.forEach(stranger -> hurt.addAll(stranger.hurt()));
    return hurt;
  }
}
