package dev.terrarium.cli.demo;

import dev.terrarium.cli.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The second JVM. It ends when its standard input does, so that it does not outlive this one
/// either.
final class VictimJvm implements AutoCloseable {
  private final Process process;
  private final Thread hook;

  private VictimJvm(Process process) {
    this.process = process;
    this.hook = new Thread(process::destroyForcibly, "terrarium-victim");
  }

  static VictimJvm start(Path adapter, int workers, List<String> options) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of("dev.terrarium.cli.Main", VictimCommand.NAME, adapter.toString()));
    command.addAll(List.of("--workers", Integer.toString(workers)));
    command.addAll(options);
    Process process = new ProcessBuilder(command).redirectError(Redirect.INHERIT).start();
    VictimJvm victim = new VictimJvm(process);
    Runtime.getRuntime().addShutdownHook(victim.hook);
    return victim;
  }

  long pid() {
    return process.pid();
  }

  /// Waits until all its workers are called.
  ///
  /// @return the pid of one of them
  long awaitWorker() throws IOException {
    BufferedReader lines = process.inputReader();
    String ready = lines.readLine();
    if (ready == null) {
      throw new IllegalStateException("the second JVM did not start; its words stand above");
    }
    return Json.tree(ready).path("workers").path(0).path("pid").asLong();
  }

  /// SIGKILL. This JVM started it and has not collected it: the pid is nobody else's.
  void kill() {
    process.destroyForcibly();
  }

  @Override
  public void close() {
    kill();
    Runtime.getRuntime().removeShutdownHook(hook);
  }
}
