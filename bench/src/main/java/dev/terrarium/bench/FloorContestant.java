package dev.terrarium.bench;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What cannot be left out: a socket of the JDK that the caller's own thread reads and writes, and
/// a loop in Python (`floor.py`). No deadlines, no pool, nobody who notices a death.
final class FloorContestant implements Contestant {
  /// What is said on the socket.
  enum Kind {
    /// Bytes, as they are.
    PLAIN,
    /// A call in JSON and its result in JSON.
    JSON,
    /// How many bytes lie in shared memory.
    SHARED
  }

  private final Process zygote;
  private final Path directory;
  private final List<FloorWorker> workers;

  private FloorContestant(Process zygote, Path directory, List<FloorWorker> workers) {
    this.zygote = zygote;
    this.directory = directory;
    this.workers = workers;
  }

  static FloorContestant start(Settings settings, Kind kind) throws IOException {
    Path directory = Files.createTempDirectory("floor");
    Path path = directory.resolve("s");
    List<FloorWorker> workers = new ArrayList<>();
    try (var listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(path), settings.workers());
      Process zygote = fork(settings, kind, path);
      while (workers.size() < settings.workers()) {
        workers.add(FloorWorker.greet(listener.accept(), kind));
      }
      var floor = new FloorContestant(zygote, directory, workers);
      floor.callEach();
      return floor;
    }
  }

  private static Process fork(Settings settings, Kind kind, Path path) throws IOException {
    List<String> command = new ArrayList<>();
    command.addAll(List.of(settings.python(), "-I", settings.script("floor.py").toString()));
    command.addAll(List.of(path.toString(), Integer.toString(settings.workers())));
    command.add(kind.name().toLowerCase(Locale.ROOT));
    if (settings.numpy()) {
      command.add("numpy");
    }
    return new ProcessBuilder(command).inheritIO().start();
  }

  @Override
  public Caller caller(int number) {
    return workers.get(number % workers.size());
  }

  @Override
  public void callEach() throws IOException {
    for (FloorWorker worker : workers) {
      worker.answer();
    }
  }

  @Override
  public List<Long> pids() {
    return workers.stream().map(FloorWorker::pid).toList();
  }

  @Override
  public void close() throws IOException {
    for (FloorWorker worker : workers) {
      worker.close();
    }
    zygote.onExit().join();
    Files.delete(directory.resolve("s"));
    Files.delete(directory);
  }
}
