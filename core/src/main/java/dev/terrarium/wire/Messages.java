package dev.terrarium.wire;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// Every envelope of `docs/protocol.md` but `RESULT`'s, as a record, with the names of that page
/// (in snake case there). What must be there and is not, or has another type, is a protocol error;
/// what may be missing is `null` or empty; what is not known is ignored.
public final class Messages {
  private static final JsonMapper MAPPER =
      WireJson.mapper()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .changeDefaultPropertyInclusion(
              inclusion -> inclusion.withValueInclusion(JsonInclude.Include.NON_NULL))
          .build();

  private Messages() {}

  /// The envelope of `frame` as a `type`, one of the records below.
  public static <T extends Record> T read(Frame frame, Class<T> type) {
    try {
      return requireNonNull(MAPPER.readValue(frame.envelope(), type), "it is null");
    } catch (JacksonException | NullPointerException e) {
      throw new ProtocolException("%s: %s".formatted(frame, problem(e)), e);
    }
  }

  private static String problem(Exception e) {
    return e instanceof JacksonException j
        ? ValuePath.of("", j) + ": " + j.getOriginalMessage()
        : String.valueOf(e.getMessage());
  }

  /// What a warden says after its hello.
  public static FromWarden fromWarden(Frame frame) {
    return switch (frame.type()) {
      case SPAWNED -> read(frame, Spawned.class);
      case SPAWN_FAILED -> read(frame, SpawnFailed.class);
      case EXITED -> read(frame, Exited.class);
      case CLEARED -> read(frame, Cleared.class);
      case OUTPUT -> read(frame, Output.class);
      case DUMPED -> read(frame, Dumped.class);
      case REPORT -> read(frame, Report.class);
      case ZYGOTE_READY -> read(frame, ZygoteReady.class);
      default -> throw new ProtocolException("a warden does not send " + frame);
    };
  }

  /// `message` in its frame; `id` is the call's, or the worker's number, or 0.
  public static OutgoingFrame frame(long id, Outgoing message) {
    return OutgoingFrame.of(message.type(), id, write((Record) message));
  }

  /// As JSON: for what does not travel in a frame of its own.
  public static byte[] write(Record message) {
    return WireJson.writePlain(MAPPER, message);
  }

  /// A secret that proves who dialled. Of its own type so that no log shows it.
  public record Token(@JsonValue String text) {
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public Token {}

    @Override
    public String toString() {
      return "(a token)";
    }
  }

  // ---- worker to JVM ----

  public record Hello(
      int protocol,
      Token token,
      long pid,
      String language,
      String version,
      List<String> capabilities,
      List<Tool> tools,
      @Nullable Failure failure) {
    public Hello {
      requireNonNull(token, "token is missing");
      language = requireNonNullElse(language, "");
      version = requireNonNullElse(version, "");
      capabilities = copy(capabilities);
      tools = copy(tools);
    }
  }

  public record Tool(
      String name,
      @Nullable String doc,
      ToolKind kind,
      boolean idempotent,
      @Nullable String returns,
      List<Parameter> parameters) {
    public Tool {
      requireNonNull(name, "name is missing");
      requireNonNull(kind, "kind is missing");
      parameters = copy(parameters);
    }
  }

  public enum ToolKind {
    @JsonProperty("plain")
    PLAIN,
    @JsonProperty("async")
    ASYNC,
    @JsonProperty("generator")
    GENERATOR
  }

  /// `type` is the annotation's text, `standard` the default's `repr`.
  public record Parameter(
      String name,
      ParameterKind kind,
      @Nullable String type,
      boolean required,
      @JsonProperty("default") @Nullable String standard) {
    public Parameter {
      requireNonNull(name, "name is missing");
      requireNonNull(kind, "kind is missing");
    }
  }

  public enum ParameterKind {
    @JsonProperty("positional only")
    POSITIONAL_ONLY,
    @JsonProperty("positional or keyword")
    POSITIONAL_OR_KEYWORD,
    @JsonProperty("keyword only")
    KEYWORD_ONLY,
    @JsonProperty("positional rest")
    POSITIONAL_REST,
    @JsonProperty("keyword rest")
    KEYWORD_REST
  }

  /// Why an adapter did not load.
  public record Failure(
      FailureReason reason, String type, String message, @Nullable String traceback) {
    public Failure {
      requireNonNull(reason, "reason is missing");
      type = requireNonNullElse(type, "");
      message = requireNonNullElse(message, "");
    }
  }

  public enum FailureReason {
    ADAPTER_MISSING,
    ADAPTER_UNREADABLE,
    ADAPTER_SYNTAX,
    ADAPTER_IMPORT,
    ADAPTER_EXITED,
    ADAPTER_FAILED,
    ON_START_FAILED,
    NO_TOOLS
  }

  /// The envelope of an `ERROR`.
  public record CallError(
      ErrorKind kind,
      String type,
      String message,
      @Nullable String traceback,
      @Nullable String nearest) {
    public CallError {
      requireNonNull(kind, "kind is missing");
      type = requireNonNullElse(type, "");
      message = requireNonNullElse(message, "");
    }
  }

  public enum ErrorKind {
    @JsonProperty("tool")
    TOOL,
    @JsonProperty("unknown-tool")
    UNKNOWN_TOOL,
    @JsonProperty("bad-argument")
    BAD_ARGUMENT,
    @JsonProperty("value")
    VALUE,
    @JsonProperty("cancelled")
    CANCELLED,
    @JsonProperty("deadline")
    DEADLINE,
    @JsonProperty("closing")
    CLOSING,
    @JsonProperty("withdrawn")
    WITHDRAWN
  }

  public record Stacks(String stacks) {
    public Stacks {
      requireNonNull(stacks, "stacks is missing");
    }
  }

  public record Log(LogLevel level, String logger, String message) {
    public Log {
      requireNonNull(level, "level is missing");
      logger = requireNonNullElse(logger, "");
      requireNonNull(message, "message is missing");
    }
  }

  public enum LogLevel {
    DEBUG,
    INFO,
    WARNING,
    ERROR,
    CRITICAL
  }

  // ---- warden to JVM ----

  public record WardenHello(int protocol, Token token, long pid, long ticks, String version) {
    public WardenHello {
      requireNonNull(token, "token is missing");
      version = requireNonNullElse(version, "");
    }
  }

  public sealed interface FromWarden {}

  public record Spawned(long pid, long ticks) implements FromWarden {}

  public record SpawnFailed(String step, int errno, String message) implements FromWarden {
    public SpawnFailed {
      requireNonNull(step, "step is missing");
      message = requireNonNullElse(message, "");
    }
  }

  /// One of `code` and `signal` is not `null`.
  public record Exited(
      long pid,
      @Nullable Integer code,
      @Nullable Integer signal,
      boolean core,
      @Nullable Long cpuMs,
      @Nullable Long maxRssKib,
      String stderr)
      implements FromWarden {
    public Exited {
      stderr = requireNonNullElse(stderr, "");
      if ((code == null) == (signal == null)) {
        throw new IllegalArgumentException("code %s and signal %s".formatted(code, signal));
      }
    }
  }

  public record Cleared(int strays) implements FromWarden {}

  public record Output(Stream stream, List<String> lines, @Nullable Long dropped)
      implements FromWarden {
    public Output {
      requireNonNull(stream, "stream is missing");
      lines = copy(lines);
    }
  }

  public enum Stream {
    @JsonProperty("stdout")
    STDOUT,
    @JsonProperty("stderr")
    STDERR
  }

  public record Dumped(String stacks) implements FromWarden {
    public Dumped {
      stacks = requireNonNullElse(stacks, "");
    }
  }

  public record Report(int killed, int left) implements FromWarden {}

  /// A zygote has imported the adapter.
  ///
  /// @param threads empty where it forks; else those that keep it from forking
  public record ZygoteReady(List<String> threads) implements FromWarden {
    public ZygoteReady {
      threads = copy(threads);
    }
  }

  // ---- JVM to worker and warden ----

  /// A message that has a frame of its own.
  public sealed interface Outgoing {
    FrameType type();
  }

  /// To be encoded by [ValueCodec#encode(Call)], because it carries users' values.
  ///
  /// @param deadline milliseconds left
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Call(
      String tool,
      List<? extends @Nullable Object> args,
      Map<String, ? extends @Nullable Object> named,
      @Nullable Long deadline) {}

  public record Cancel(CancelReason reason) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.CANCEL;
    }
  }

  public enum CancelReason {
    @JsonProperty("cancelled")
    CANCELLED,
    @JsonProperty("deadline")
    DEADLINE,
    @JsonProperty("closing")
    CLOSING,
    /// Only if it has not begun.
    @JsonProperty("withdrawn")
    WITHDRAWN
  }

  public record Drain() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.DRAIN;
    }
  }

  /// Large results may come in memory files.
  ///
  /// @param from bytes
  public record Memfd(long from) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.MEMFD;
    }
  }

  /// The memory files of a result may be written again.
  public record Taken() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.TAKEN;
    }
  }

  /// A process is to be started.
  ///
  /// @param role `worker` or `zygote`
  /// @param via `exec` or `zygote`
  /// @param zygote the number of the zygote that is to fork it
  public record Spawn(
      String worker,
      String role,
      String via,
      @Nullable Long zygote,
      List<String> argv,
      Map<String, String> set,
      List<String> unset,
      @Nullable String directory,
      Spec spec)
      implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.SPAWN;
    }
  }

  public record Signal(int signal, String why) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.SIGNAL;
    }
  }

  public record Kill(String why) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.KILL;
    }
  }

  public record Dump() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.DUMP;
    }
  }

  public record Shutdown() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.SHUTDOWN;
    }
  }

  // ---- not in frames of their own ----

  /// What a worker reads from its descriptor 0. The options are the user's: plain JSON, no bytes.
  ///
  /// @param stacksFd `null`: the warden chooses the number
  /// @param source what the adapter's file held when the pool was started, in hexadecimal
  /// @param preload whether a zygote imports the adapter
  /// @param host this JVM's pid, where it may lend memory files; else `null`
  public record Spec(
      List<Integer> protocol,
      Token token,
      String socket,
      String run,
      String worker,
      String pool,
      @Nullable Integer stacksFd,
      @Nullable Long host,
      String adapter,
      @Nullable String source,
      @Nullable Boolean preload,
      Map<String, ? extends @Nullable Object> options) {}

  /// The first line of a warden's standard input.
  public record WardenConfig(
      String run,
      long birthmark,
      String socket,
      String lifelines,
      Token token,
      Host host,
      String directory) {}

  public record Host(long pid, long ticks) {}

  private static <T> List<T> copy(@Nullable List<T> list) {
    return list == null ? List.of() : List.copyOf(list);
  }
}
