package dev.terrarium.cli;

import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import dev.terrarium.ToolInfo;
import dev.terrarium.ToolInfo.Parameter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// What an adapter offers.
@Command(
    name = "tools",
    description = "Show what an adapter offers: names, parameters, types, what they do.",
    footer = {
      "",
      "With --json an object for each tool: name, doc, kind, idempotent, parameters, returns.",
      "",
      "Exit status: 0 done, 1 the adapter does not load, 2 wrong usage (what is no "
          + "adapter included), 3 this machine is not fit, 130 interrupted."
    })
final class ToolsCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final JsonOption json;

  @Mixin private final WorkerOptions options = new WorkerOptions();

  @Parameters(index = "0", paramLabel = "ADAPTER", description = "A Python file or package.")
  private Path adapter = Path.of("");

  ToolsCommand(Terminal terminal, JsonOption json) {
    this.terminal = terminal;
    this.json = json;
  }

  @Override
  public Integer call() {
    options.reportDeathsOnce();
    Path file = WorkerOptions.adapter(adapter);
    try (Terrarium runtime = options.start();
        Pool pool = options.pool(runtime, file, 1).start()) {
      print(pool.tools());
    }
    return ExitStatus.DONE;
  }

  private void print(List<ToolInfo> tools) {
    if (json.wanted()) {
      tools.forEach(tool -> terminal.print(Json.write(object(tool))));
    } else {
      table(tools).forEach(terminal::print);
    }
  }

  private List<String> table(List<ToolInfo> tools) {
    Table table = new Table(Table.WIDTH, "TOOL", "WHAT IT DOES");
    tools.forEach(tool -> table.row(tool.signature(), tool.summary()));
    return table.lines(terminal);
  }

  private static Map<String, @Nullable Object> object(ToolInfo tool) {
    return Json.object(
        "name", tool.name(),
        "doc", tool.doc(),
        "kind", Words.spaced(tool.kind()),
        "idempotent", tool.idempotent(),
        "parameters", tool.parameters().stream().map(ToolsCommand::object).toList(),
        "returns", tool.returns().orElse(null));
  }

  private static Map<String, @Nullable Object> object(Parameter parameter) {
    return Json.object(
        "name", parameter.name(),
        "kind", Words.spaced(parameter.kind()),
        "type", parameter.type().orElse(null),
        "required", parameter.required(),
        "default", parameter.defaultText().orElse(null));
  }
}
