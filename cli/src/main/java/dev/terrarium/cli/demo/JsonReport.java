package dev.terrarium.cli.demo;

import dev.terrarium.cli.Json;
import dev.terrarium.cli.Terminal;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One object a line.
final class JsonReport implements DemoReport {
  private final Terminal terminal;

  JsonReport(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public void firstAct(int workers) {}

  @Override
  public void started(Started started) {
    print(
        "event", "started",
        "workers", started.workers(),
        "python", started.python(),
        "folder", started.folder(),
        "ms", started.millis());
  }

  @Override
  public void parsed(Parsed parsed) {
    Summary summary = parsed.summary();
    print(
        "event", "parsed",
        "files", parsed.files(),
        "modules", summary.modules().size(),
        "skipped", parsed.skipped(),
        "lines", summary.lines(),
        "functions", summary.functions(),
        "classes", summary.classes(),
        "docwords", summary.docwords(),
        "longest", summary.longest().map(JsonReport::object).orElse(null),
        "ms", parsed.millis(),
        "calls_per_second", parsed.callsPerSecond(),
        "empty_calls_per_second", parsed.emptyCallsPerSecond(),
        "worker_bytes", parsed.workerBytes().isPresent() ? parsed.workerBytes().getAsLong() : null);
  }

  private static Map<String, @Nullable Object> object(Summary.LongestFunction longest) {
    return Json.object(
        "module", longest.module(), "function", longest.function(), "lines", longest.lines());
  }

  @Override
  public void secondAct(int workers) {}

  @Override
  public void busy(Busy busy) {}

  @Override
  public void killed(Killed killed) {
    print(
        "event", "killed",
        "before", killed.before(),
        "left", killed.left().size(),
        "ms", killed.millis());
  }

  private void print(@Nullable Object... namesAndValues) {
    terminal.print(Json.write(Json.object(namesAndValues)));
  }
}
