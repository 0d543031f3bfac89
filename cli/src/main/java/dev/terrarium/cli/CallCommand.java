package dev.terrarium.cli;

import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import dev.terrarium.ToolCall;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// One call on a pool of one.
@Command(
    name = "call",
    description = "Call one tool and print its result as one line of JSON.",
    footer = {
      "",
      "What JSON has no words for travels as an object with one key, in results and in "
          + "arguments: bytes as {\"$bytes\": \"BASE64\"}, floats that are no numbers as "
          + "{\"$float\": \"NaN\"}, \"Infinity\" or \"-Infinity\". An object of yours that looks "
          + "like one of these has one more $ in front of its key.",
      "",
      "Exit status: 0 done, 1 the tool failed, 2 wrong usage (what is no adapter, an unknown tool "
          + "and arguments that do not fit included), 3 this machine is not fit, 130 interrupted."
    })
final class CallCommand implements Callable<Integer> {
  private static final Duration DEADLINE_MIN = Duration.ofMillis(1);
  private static final Duration DEADLINE_MAX = Duration.ofSeconds(1_000_000);

  private final Terminal terminal;

  @Mixin private final WorkerOptions options = new WorkerOptions();

  @Parameters(index = "0", paramLabel = "ADAPTER", description = "A Python file or package.")
  private Path adapter = Path.of("");

  @Parameters(index = "1", paramLabel = "TOOL", description = "The tool's name.")
  private String tool = "";

  @Parameters(
      index = "2",
      arity = "0..1",
      paramLabel = "JSON",
      description =
          "Arguments: an object for named ones, an array for positional ones, '-' to read either"
              + " from stdin.")
  private String json = "{}";

  @Option(
      names = "--deadline",
      paramLabel = "TIME",
      description = "How long the call may take: 300ms, 5s, 2m, 1h. Default: 60s.")
  private Duration deadline = Duration.ofSeconds(60);

  CallCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    options.reportDeathsOnce();
    Path file = WorkerOptions.adapter(adapter);
    UnaryOperator<ToolCall> arguments =
        arguments(JsonValues.fromJson(Json.read(json.equals("-") ? stdin() : json)));
    Duration longest = Durations.within("--deadline", deadline, DEADLINE_MIN, DEADLINE_MAX);
    try (Terrarium runtime = options.start();
        Pool pool = options.pool(runtime, file, 1).start()) {
      ToolCall call = arguments.apply(pool.tool(tool).deadline(longest));
      terminal.print(Json.write(JsonValues.toJson(call.call(Object.class))));
    }
    return ExitStatus.DONE;
  }

  private static UnaryOperator<ToolCall> arguments(@Nullable Object given) {
    return switch (given) {
      case List<?> positional -> call -> call.args(positional.toArray());
      case Map<?, ?> named -> call -> withNamed(call, named);
      case null, default ->
          throw new UsageException(
              "arguments are a JSON object (named) or array (positional), not " + given);
    };
  }

  private static ToolCall withNamed(ToolCall call, Map<?, ?> named) {
    ToolCall all = call;
    for (Map.Entry<?, ?> argument : named.entrySet()) {
      all = all.arg(String.valueOf(argument.getKey()), argument.getValue());
    }
    return all;
  }

  private static String stdin() {
    try {
      return new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
