package dev.terrarium.trials;

import static java.nio.charset.StandardCharsets.UTF_8;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import dev.terrarium.base.Log;
import dev.terrarium.testkit.FullHeap;
import dev.terrarium.trials.Ordeal.Happening;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.LoggerFactory;

/// What a host does to itself in a round, and how it notices what is done to it: it fills its heap
/// and stalls its log, and tries to make a thread, to open and to write files until it is refused.
/// It says `met WHAT ROUND` of each shortage that it has met: of heap and log when they are over,
/// of all others at once.
///
/// Its threads, and the lines that it says, are there before anything runs out.
final class Hardship {
  /// More than are ever freed at once while there is none.
  private static final int DESCRIPTORS = 64;

  private static final long PAUSE_NANOS = 20_000_000;
  private static final String STALL = "as it was told to";
  private static final Log LOG = Log.of(Hardship.class);

  private final Stall stall = new Stall();
  private final FileOutputStream file;
  private volatile int current = -1;

  /// @param file which it may write to
  Hardship(Path file) throws IOException {
    this.file = new FileOutputStream(file.toFile());
  }

  /// @param begin when the round began, in nanoseconds
  void begin(Ordeal.Round round, long begin) {
    current = round.number();
    for (Happening happening : round.happenings()) {
      if (!happening.what().isKill()) {
        byte[] line = met(happening.what(), round.number()).concat("\n").getBytes(UTF_8);
        aside(() -> meet(happening, round.number(), begin, line));
      }
    }
  }

  /// What it says of a shortage that it has met.
  static String met(Misfortune what, int round) {
    return "met " + what + " " + round;
  }

  /// Tries no longer.
  void end() {
    current = -1;
  }

  private static void aside(Runnable work) {
    Thread.ofPlatform().daemon().stackSize(ExhaustedHost.STACK_BYTES).start(work);
  }

  private void meet(Happening happening, int round, long begin, byte[] line) {
    boolean met =
        switch (happening.what()) {
          case HEAP -> {
            ExhaustedHost.awaitMoment(begin + happening.at() * 1_000_000L);
            yield FullHeap.hold(Duration.ofMillis(happening.lasting()));
          }
          case LOG -> {
            ExhaustedHost.awaitMoment(begin + happening.at() * 1_000_000L);
            stall.hold(happening.lasting());
            yield true;
          }
          case THREADS -> isRefused(round, () -> aside(() -> {}));
          case DESCRIPTORS -> isRefused(round, Hardship::open);
          case DISK -> isRefused(round, () -> file.write(1));
          case WORKER, ZYGOTE, WARDEN -> false;
        };
    if (met) {
      System.out.write(line, 0, line.length);
      System.out.flush();
    }
  }

  /// What fails where something is missing.
  private interface Attempt {
    void run() throws IOException;
  }

  /// Tries until it fails for another reason than that there is no heap.
  ///
  /// @return false where it has not within the round
  private boolean isRefused(int round, Attempt attempt) {
    while (current == round) {
      try {
        attempt.run();
      } catch (IOException e) {
        return true;
      } catch (OutOfMemoryError e) {
        String message = e.getMessage();
        if (message != null && message.contains("native thread")) {
          return true;
        }
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
    return false;
  }

  private static void open() throws IOException {
    List<FileInputStream> opened = new ArrayList<>(DESCRIPTORS);
    try {
      for (int i = 0; i < DESCRIPTORS; i++) {
        opened.add(new FileInputStream("/dev/null"));
      }
    } finally {
      for (int i = 0; i < opened.size(); i++) {
        opened.get(i).close();
      }
    }
  }

  /// A backend that holds whoever logs, as long as it is told to.
  private static final class Stall extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private volatile boolean stalls;
    private volatile boolean holds;

    Stall() {
      var root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
      setContext(root.getLoggerContext());
      start();
      root.addAppender(this);
    }

    /// So long from when it holds the thread that carries the lines of Terrarium. A line may get
    /// lost where there is no memory; so it says several.
    void hold(long millis) {
      holds = false;
      stalls = true;
      while (!holds) {
        LOG.warn("The log backend stalls: {}", STALL); // a number would take memory
        LockSupport.parkNanos(PAUSE_NANOS);
      }
      LockSupport.parkNanos(millis * 1_000_000);
      stalls = false;
    }

    @Override
    protected void append(ILoggingEvent event) {
      while (stalls) {
        holds = holds || event.getLoggerName().startsWith("dev.terrarium.");
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }
}
