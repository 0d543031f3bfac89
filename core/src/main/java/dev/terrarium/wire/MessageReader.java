package dev.terrarium.wire;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.ToolInfo;
import dev.terrarium.json.Fields;
import dev.terrarium.wire.Messages.CallError;
import dev.terrarium.wire.Messages.ErrorKind;
import dev.terrarium.wire.Messages.Exited;
import dev.terrarium.wire.Messages.Failure;
import dev.terrarium.wire.Messages.FromWarden;
import dev.terrarium.wire.Messages.Hello;
import dev.terrarium.wire.Messages.Log;
import dev.terrarium.wire.Messages.LogLevel;
import dev.terrarium.wire.Messages.Output;
import dev.terrarium.wire.Messages.Parameter;
import dev.terrarium.wire.Messages.SpawnFailed;
import dev.terrarium.wire.Messages.SpawnStep;
import dev.terrarium.wire.Messages.Token;
import dev.terrarium.wire.Messages.Tool;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Which fields each message has that comes in. Throws what [Fields] throws.
final class MessageReader {
  /// What a worker knows of its own start; all other reasons the JVM finds out by itself.
  private static final Set<Reason> OF_ADAPTERS =
      Set.of(
          Reason.ADAPTER_MISSING,
          Reason.ADAPTER_UNREADABLE,
          Reason.ADAPTER_SYNTAX,
          Reason.ADAPTER_IMPORT,
          Reason.ADAPTER_EXITED,
          Reason.ADAPTER_FAILED,
          Reason.ON_START_FAILED,
          Reason.NO_TOOLS);

  private MessageReader() {}

  // ---- from a worker ----

  static Hello hello(Fields fields) {
    Fields failure = fields.objectOrNull("failure");
    return new Hello(
        protocol(fields),
        new Token(fields.text("token")),
        fields.integer("pid"),
        fields.textOrEmpty("language"),
        fields.textOrEmpty("version"),
        fields.texts("capabilities"),
        tools(fields),
        failure == null ? null : failure(failure));
  }

  private static int protocol(Fields fields) {
    int spoken = fields.small("protocol");
    if (spoken != Messages.PROTOCOL) {
      throw fields.refusal(
          "protocol", "the worker speaks %d, this JVM %d".formatted(spoken, Messages.PROTOCOL));
    }
    return spoken;
  }

  private static List<Tool> tools(Fields fields) {
    List<Tool> tools = new ArrayList<>();
    for (Fields tool : fields.objects("tools")) {
      tools.add(
          new Tool(
              tool.text("name"),
              tool.textOrNull("doc"),
              tool.word("kind", ToolInfo.Kind.class, ' '),
              tool.truth("idempotent"),
              tool.textOrNull("returns"),
              parameters(tool)));
    }
    return List.copyOf(tools);
  }

  private static List<Parameter> parameters(Fields tool) {
    List<Parameter> parameters = new ArrayList<>();
    for (Fields parameter : tool.objects("parameters")) {
      parameters.add(
          new Parameter(
              parameter.text("name"),
              parameter.word("kind", ToolInfo.ParameterKind.class, ' '),
              parameter.textOrNull("type"),
              parameter.truth("required"),
              parameter.textOrNull("default")));
    }
    return List.copyOf(parameters);
  }

  private static Failure failure(Fields fields) {
    return new Failure(
        reason(fields),
        fields.textOrEmpty("type"),
        fields.textOrEmpty("message"),
        fields.textOrNull("traceback"));
  }

  private static Reason reason(Fields failure) {
    Reason reason = failure.constant("reason", Reason.class);
    if (!OF_ADAPTERS.contains(reason)) {
      throw failure.refusal("reason", "not for a worker to say: " + reason);
    }
    return reason;
  }

  static CallError callError(Fields fields) {
    return new CallError(
        fields.word("kind", ErrorKind.class, '-'),
        fields.textOrEmpty("type"),
        fields.textOrEmpty("message"),
        fields.textOrNull("traceback"),
        fields.textOrNull("nearest"));
  }

  static Messages.Stacks stacks(Fields fields) {
    return new Messages.Stacks(fields.text("stacks"));
  }

  static Log log(Fields fields) {
    return new Log(
        fields.constant("level", LogLevel.class),
        fields.textOrEmpty("logger"),
        fields.text("message"),
        fields.textsByName("extra"));
  }

  // ---- from a warden ----

  static FromWarden fromWarden(Frame frame, Fields fields) {
    return switch (frame.type()) {
      case SPAWNED -> new Messages.Spawned(fields.integer("pid"), fields.integer("ticks"));
      case SPAWN_FAILED ->
          new SpawnFailed(
              fields.word("step", SpawnStep.class, ' '),
              fields.small("errno"),
              fields.textOrEmpty("message"));
      case EXITED -> exited(fields);
      case CLEARED -> new Messages.Cleared(fields.small("strays"));
      case OUTPUT ->
          new Output(
              fields.word("stream", Messages.Stream.class, ' '),
              fields.texts("lines"),
              fields.integerOrNull("dropped"));
      case DUMPED -> new Messages.Dumped(fields.textOrEmpty("stacks"));
      case PONG -> new Messages.Pong();
      case REPORT -> new Messages.Report(fields.small("killed"), fields.small("left"));
      case ZYGOTE_READY ->
          new Messages.ZygoteReady(
              fields.texts("threads"), fields.texts("descriptors"), fields.truth("ends"));
      default -> throw new IllegalArgumentException("a warden does not send it");
    };
  }

  private static Exited exited(Fields fields) {
    return new Exited(
        fields.integer("pid"),
        fields.smallOrNull("code"),
        fields.smallOrNull("signal"),
        fields.truth("core"),
        fields.integerOrNull("cpu_ms"),
        fields.integerOrNull("max_rss_kib"),
        fields.textOrEmpty("stderr"),
        fields.textOrEmpty("limit"));
  }
}
