package dev.terrarium.warden;

import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Cgroups;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.wire.EventLoop;
import dev.terrarium.wire.Sockets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/// What a warden needs to be started, without the rest of a runtime.
final class WardenHouse implements AutoCloseable {
  final Birthmark mark = Birthmark.choose().chosen().orElseThrow();
  final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  final Wardens.Setup setup;

  /// What happens before each further start of a warden.
  volatile Runnable beforeWarden = () -> {};

  private final EventLoop loop;

  /// @param sockets a directory with a short path
  WardenHouse(Path home, Path sockets) throws IOException {
    RunId run = RunId.generate();
    var killer = new ProcessKiller(audit::add);
    var gate = new Gate();
    loop = EventLoop.start(run.value());
    var bound = Sockets.open(loop, sockets.resolve("d"), gate);
    Path directory = Files.createDirectory(home.resolve("run"));
    Files.createDirectory(directory.resolve("logs"));
    setup =
        new Wardens.Setup(
            run.value(),
            mark,
            Interpreter.resolve("python3").executable(),
            PythonHome.unpack(home).warden(),
            bound.frames(),
            bound.lifelines(),
            directory,
            gate,
            killer,
            new Cgroups(run, killer),
            new NoUpkeep());
  }

  /// Nobody removes anything here.
  private final class NoUpkeep implements Upkeep {
    @Override
    public void beforeWorker() {}

    @Override
    public void beforeWarden() {
      beforeWarden.run();
    }

    @Override
    public boolean afterFailedStart() {
      return false;
    }
  }

  /// The warden that runs, where nothing else bears the mark.
  Proc warden() {
    return Procs.marked(mark.run()).getFirst();
  }

  @Override
  public void close() {
    loop.close();
  }
}
