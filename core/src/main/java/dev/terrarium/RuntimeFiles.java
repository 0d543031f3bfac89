package dev.terrarium;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Log;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.SocketsDirectory;
import dev.terrarium.warden.ClassPathAdapter;
import dev.terrarium.warden.PythonHome;
import dev.terrarium.warden.Unpacked;
import dev.terrarium.warden.Upkeep;
import dev.terrarium.wire.Sockets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.event.Level;

/// What a runtime has on disk and needs as long as it lives: sockets, the run's directory, the
/// Python files, and the adapters that its pools have from the class path. Each lies where somebody
/// may remove it, a cleaner of old files most likely. That ends no process, but none would come to
/// be any more, so it is looked for and made again.
///
/// Sockets, the worker's program and adapters are looked for before each worker, all of it before a
/// warden follows another and from time to time. Says so through the log's queue, since workers are
/// ordered by threads that must not wait for a logging backend. Threads: any.
final class RuntimeFiles implements Upkeep {
  private static final Log LOG = Log.of(RuntimeFiles.class);

  private final String run;
  private final Sockets sockets;
  private final RunDirectory directory;
  private final ProcessRegistry registry;
  private final PythonHome python;
  private volatile Supplier<List<Path>> adapters = List::of;
  private final AtomicBoolean forgotten = new AtomicBoolean();

  @GuardedBy("this")
  private final Set<String> lamented = new HashSet<>();

  RuntimeFiles(
      String run,
      Sockets sockets,
      RunDirectory directory,
      ProcessRegistry registry,
      PythonHome python) {
    this.run = run;
    this.sockets = sockets;
    this.directory = directory;
    this.registry = registry;
    this.python = python;
  }

  /// Looks after these adapters as well, where they are from the class path; called by any thread.
  void alsoLookAfter(Supplier<List<Path>> adapters) {
    this.adapters = adapters;
  }

  @Override
  public void beforeWorker() {
    mendSockets();
    if (!Files.exists(python.worker())) {
      mend(python, /* closely= */ true);
    }
    adapters().forEach(adapter -> mend(adapter, /* closely= */ false));
  }

  @Override
  public void beforeWarden() {
    look();
  }

  /// Looks at all of it.
  void look() {
    mendSockets();
    mendDirectory();
    unpacked().forEach(files -> mend(files, /* closely= */ true));
  }

  private Stream<Unpacked> unpacked() {
    return Stream.concat(Stream.of(python), adapters());
  }

  private Stream<ClassPathAdapter> adapters() {
    return adapters.get().stream().distinct().flatMap(it -> ClassPathAdapter.at(it).stream());
  }

  private void mendSockets() {
    mend(
        sockets.directory(),
        () -> {
          List<Path> missing = sockets.mend();
          if (!missing.isEmpty()) {
            say(
                Level.WARN,
                "Run %s: its sockets were removed (%s), and are bound again; keep what cleans %s up"
                    + " away from terrarium-*, or set XDG_RUNTIME_DIR",
                run,
                missing,
                SocketsDirectory.place());
          }
        },
        "no worker can be started, and nobody can ask; set XDG_RUNTIME_DIR or java.io.tmpdir to a"
            + " directory that stays, and start anew");
  }

  private void mendDirectory() {
    mend(
        directory.path(),
        () -> {
          List<String> missing = new ArrayList<>(directory.mend());
          missing.addAll(registry.mend());
          if (!missing.isEmpty()) {
            say(
                Level.WARN,
                "Run %s: of %s there were removed %s, and are made again; as long as they are"
                    + " missing nobody cleans up after this run",
                run,
                directory.path(),
                missing);
          }
        },
        "should this JVM be killed, nobody cleans up after it; make it writable, or set"
            + " TERRARIUM_HOME and start anew");
  }

  private void mend(Unpacked files, boolean closely) {
    mend(
        files.directory(),
        () -> {
          List<String> mended = files.mend(closely);
          if (!mended.isEmpty()) {
            say(Level.WARN, "Run %s: %s", run, files.describe(mended));
          }
        },
        "no worker can be started; make it writable, or set TERRARIUM_HOME and start anew");
  }

  @Override
  public boolean afterFailedStart() {
    // Once: what dies again does so for another reason.
    if (forgotten.getAndSet(true)) {
      return false;
    }
    List<Unpacked> all = unpacked().toList();
    all.forEach(files -> mend(files, /* closely= */ true));
    boolean any = false;
    for (Unpacked files : all) {
      any |= forgetByteCode(files);
    }
    return any;
  }

  private boolean forgetByteCode(Unpacked files) {
    try {
      boolean any = files.forgetByteCode();
      if (any) {
        say(
            Level.WARN,
            "Run %s: a process died before it was ready; in case that was damaged byte code, what"
                + " lies below %s is removed and compiled anew",
            run,
            files.directory());
      }
      return any;
    } catch (IOException e) {
      return false;
    }
  }

  @FunctionalInterface
  private interface Mending {
    void run() throws IOException;
  }

  /// @param consequence of a failure, and the remedy
  private void mend(Path where, Mending mending, String consequence) {
    try {
      mending.run();
      lament(where, "");
    } catch (IOException | RuntimeException e) {
      if (lament(where, e.toString())) {
        say(
            Level.ERROR,
            "Run %s: what was removed from %s cannot be made again (%s): %s",
            run,
            where,
            e,
            consequence);
      }
    }
  }

  /// Whether this failure is news: each try to start a worker meets it again.
  private synchronized boolean lament(Path where, String failure) {
    lamented.removeIf(
        known -> known.startsWith(where + " ") && !known.equals(where + " " + failure));
    return !failure.isEmpty() && lamented.add(where + " " + failure);
  }

  @FormatMethod
  private void say(Level level, @FormatString String format, Object... facts) {
    LOG.say(level, format, facts);
  }
}
