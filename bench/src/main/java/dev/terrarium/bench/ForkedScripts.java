package dev.terrarium.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/// Python processes that say a line when they serve and end with their standard input: how the
/// contestants without a starter of their own are started, all at once.
final class ForkedScripts {
  private final List<Process> processes;
  private final List<String> firstLines;

  private ForkedScripts(List<Process> processes, List<String> firstLines) {
    this.processes = processes;
    this.firstLines = firstLines;
  }

  /// Starts a script for each worker and waits until each has said its line.
  static ForkedScripts start(Settings settings, String script, IntFunction<List<String>> arguments)
      throws IOException {
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < settings.workers(); i++) {
      List<String> command = new ArrayList<>();
      command.addAll(List.of(settings.python(), settings.script(script).toString()));
      command.addAll(arguments.apply(i));
      if (settings.numpy()) {
        command.add("numpy");
      }
      var builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
      processes.add(builder.start());
    }
    List<String> lines = new ArrayList<>();
    for (Process process : processes) {
      lines.add(firstLine(process.inputReader()));
    }
    return new ForkedScripts(processes, lines);
  }

  private static String firstLine(BufferedReader reader) throws IOException {
    String line = reader.readLine();
    if (line == null) {
      throw new IOException("a worker ended before it served");
    }
    return line;
  }

  List<String> firstLines() {
    return firstLines;
  }

  List<Long> pids() {
    return processes.stream().map(Process::pid).toList();
  }

  void end() throws IOException {
    for (Process process : processes) {
      process.outputWriter().close();
    }
    for (Process process : processes) {
      process.onExit().join();
    }
  }
}
