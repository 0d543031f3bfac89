package dev.terrarium.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.Start;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.ToolInfo;
import dev.terrarium.json.Fields;
import dev.terrarium.json.PlainJson;
import dev.terrarium.process.ProcessName;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/// Every envelope of `docs/protocol.md` but `RESULT`'s, as a record, with the names of that page
/// (in snake case there). What must be there and is not, or has another type, is a protocol error;
/// what may be missing is `null` or empty; what is not known is ignored.
public final class Messages {
  /// The version that is spoken here.
  public static final int PROTOCOL = 1;

  private Messages() {}

  /// The token of a first frame, whichever it is.
  public static String token(Frame frame) {
    try {
      return WireJson.textField(frame.envelope(), "token");
    } catch (JacksonException | IllegalArgumentException e) {
      throw problem(frame, e);
    }
  }

  public static Hello hello(Frame frame) {
    return read(frame, MessageReader::hello);
  }

  public static CallError callError(Frame frame) {
    return read(frame, MessageReader::callError);
  }

  public static Stacks stacks(Frame frame) {
    return read(frame, MessageReader::stacks);
  }

  public static Log log(Frame frame) {
    return read(frame, MessageReader::log);
  }

  /// A record of Python's `logging` that came as a line; null if it is none.
  public static @Nullable Log logLine(String json) {
    try {
      return MessageReader.log(WireJson.fields(json.getBytes(UTF_8)));
    } catch (JacksonException | IllegalArgumentException e) {
      return null; // cut on its way, or a line of the user's that looks like one
    }
  }

  /// The loggers that a worker has.
  public static List<String> loggers(Frame frame) {
    return read(frame, fields -> fields.texts("loggers"));
  }

  /// What a warden says after its hello.
  public static FromWarden fromWarden(Frame frame) {
    return read(frame, fields -> MessageReader.fromWarden(frame, fields));
  }

  /// What somebody asks.
  public static Control control(Frame frame) {
    return read(frame, fields -> new Control(fields.text("ask")));
  }

  /// The answer, as `reader` understands it; it throws what [Fields] throws.
  public static <T> T controlAnswer(Frame frame, Function<Fields, T> reader) {
    return read(frame, reader);
  }

  private static <T> T read(Frame frame, Function<Fields, T> message) {
    try {
      return message.apply(WireJson.fields(frame.envelope()));
    } catch (JacksonException | IllegalArgumentException e) {
      throw problem(frame, e);
    }
  }

  private static ProtocolException problem(Frame frame, RuntimeException e) {
    String what = e instanceof JacksonException json ? json.getOriginalMessage() : e.getMessage();
    return new ProtocolException("%s: %s".formatted(frame, what), e);
  }

  /// `message` in its frame; `id` is the call's, or the worker's number, or 0.
  public static OutgoingFrame frame(long id, Outgoing message) {
    return OutgoingFrame.of(message.type(), id, write(message));
  }

  /// As JSON: for what does not travel in a frame of its own.
  public static byte[] write(Written message) {
    return PlainJson.bytes(message.fields(), Limits.FRAME_BYTES_MAX);
  }

  /// A message that this side writes.
  public sealed interface Written {
    /// By their names on the wire, without those that are null.
    Map<String, ?> fields();
  }

  /// A secret that proves who dialled. Of its own type so that no log shows it.
  public record Token(String text) {
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
      @Nullable Failure failure) {}

  public record Tool(
      String name,
      @Nullable String doc,
      ToolInfo.Kind kind,
      boolean idempotent,
      @Nullable String returns,
      List<Parameter> parameters) {}

  /// `type` is the annotation's text, `standard` the default's `repr`.
  public record Parameter(
      String name,
      ToolInfo.ParameterKind kind,
      @Nullable String type,
      boolean required,
      @Nullable String standard) {}

  /// Why an adapter did not load.
  ///
  /// @param reason one of those that are the adapter's
  public record Failure(Reason reason, String type, String message, @Nullable String traceback) {}

  /// The envelope of an `ERROR`.
  public record CallError(
      ErrorKind kind,
      String type,
      String message,
      @Nullable String traceback,
      @Nullable String nearest) {}

  public enum ErrorKind {
    TOOL,
    UNKNOWN_TOOL,
    BAD_ARGUMENT,
    VALUE,
    CANCELLED,
    DEADLINE,
    CLOSING,
    WITHDRAWN
  }

  public record Stacks(String stacks) {}

  /// A record of Python's `logging`.
  ///
  /// @param extra what the record has besides, as texts
  public record Log(LogLevel level, String logger, String message, Map<String, String> extra) {}

  public enum LogLevel {
    TRACE,
    DEBUG,
    INFO,
    WARNING,
    ERROR,
    CRITICAL
  }

  // ---- warden to JVM ----

  public sealed interface FromWarden {}

  public record Spawned(long pid, long ticks) implements FromWarden {}

  public record SpawnFailed(SpawnStep step, int errno, String message) implements FromWarden {
    /// For people.
    public String text() {
      return Fields.word(step, ' ') + ": " + message;
    }
  }

  /// Where the start of a process can fail; the page says what each means.
  public enum SpawnStep {
    REQUEST,
    FORK,
    CGROUP,
    BIRTHMARK,
    SESSION,
    DESCRIPTORS,
    LIFELINE,
    PARENT,
    SIGNALS,
    LIMITS,
    DIRECTORY,
    EXEC,
    BOOTSTRAP,
    ZYGOTE
  }

  /// One of `code` and `signal` is not `null`.
  ///
  /// @param limit which of its limits it died of, for people; mostly empty
  public record Exited(
      long pid,
      @Nullable Integer code,
      @Nullable Integer signal,
      boolean core,
      @Nullable Long cpuMs,
      @Nullable Long maxRssKib,
      String stderr,
      String limit)
      implements FromWarden {
    public Exited {
      if ((code == null) == (signal == null)) {
        throw new IllegalArgumentException("code %s and signal %s".formatted(code, signal));
      }
    }
  }

  public record Cleared(int strays) implements FromWarden {}

  public record Output(Stream stream, List<String> lines, @Nullable Long dropped)
      implements FromWarden {}

  public enum Stream {
    STDOUT,
    STDERR
  }

  public record Dumped(String stacks) implements FromWarden {}

  public record Pong() implements FromWarden {}

  public record Report(int killed, int left) implements FromWarden {}

  /// A zygote has imported the adapter, or forks nobody any more.
  ///
  /// @param threads empty where it forks; else those that keep it from forking
  /// @param descriptors likewise
  /// @param ends whether it forks nobody any more, and ends when those that it has forked have
  public record ZygoteReady(List<String> threads, List<String> descriptors, boolean ends)
      implements FromWarden {}

  // ---- JVM to worker and warden ----

  /// A message that has a frame of its own.
  public sealed interface Outgoing extends Written {
    FrameType type();
  }

  /// To be encoded by [ValueCodec#encode(Call, MemoryFiles)], because it carries users' values. The
  /// deadline is added when it is sent.
  public record Call(
      String tool,
      List<? extends @Nullable Object> args,
      Map<String, ? extends @Nullable Object> named) {}

  public record Cancel(CancelReason reason) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.CANCEL;
    }

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object("reason", Fields.word(reason, ' '));
    }
  }

  public enum CancelReason {
    CANCELLED,
    DEADLINE,
    CLOSING,
    /// Only if it has not begun.
    WITHDRAWN
  }

  public record Drain() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.DRAIN;
    }

    @Override
    public Map<String, ?> fields() {
      return Map.of();
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

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object("from", from);
    }
  }

  /// The lowest levels that are wanted of a worker's loggers.
  ///
  /// @param levels as Python counts; of the empty name for all that have none of their own
  public record Levels(Map<String, Integer> levels) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.LEVELS;
    }

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object("levels", levels);
    }
  }

  /// The memory files of a result may be written again.
  public record Taken() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.TAKEN;
    }

    @Override
    public Map<String, ?> fields() {
      return Map.of();
    }
  }

  /// A process is to be started.
  ///
  /// @param via how it is to come to be
  /// @param zygote the number of the zygote that is to fork it
  /// @param cgroup where its cgroup is to be made, and what is to be written into its files
  /// @param limits resource limits by their names on the wire
  public record Spawn(
      ProcessName name,
      Start via,
      @Nullable Long zygote,
      List<String> argv,
      Map<String, String> set,
      List<String> unset,
      @Nullable String directory,
      @Nullable Map<String, ?> cgroup,
      @Nullable Map<String, Long> limits,
      Spec spec)
      implements Outgoing {
    /// Without the values of the environment and of options, which may be secrets.
    @Override
    public String toString() {
      return "Spawn[name=%s, via=%s, argv=%s, set=%s, spec=%s]"
          .formatted(name, via, argv, set.keySet(), spec);
    }

    @Override
    public FrameType type() {
      return FrameType.SPAWN;
    }

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object(
          "worker", name.toString(),
          "role", Fields.word(name.role(), ' '),
          "via", Fields.word(via, ' '),
          "zygote", zygote,
          "argv", argv,
          "set", set,
          "unset", unset,
          "directory", directory,
          "cgroup", cgroup,
          "limits", limits,
          "spec", spec.fields());
    }
  }

  public record Signal(int signal, String why) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.SIGNAL;
    }

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object("signal", signal, "why", why);
    }
  }

  public record Kill(String why) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.KILL;
    }

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object("why", why);
    }
  }

  public record Dump() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.DUMP;
    }

    @Override
    public Map<String, ?> fields() {
      return Map.of();
    }
  }

  /// Asks for a sign of life.
  public record Ping() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.PING;
    }

    @Override
    public Map<String, ?> fields() {
      return Map.of();
    }
  }

  public record Shutdown() implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.SHUTDOWN;
    }

    @Override
    public Map<String, ?> fields() {
      return Map.of();
    }
  }

  // ---- to a JVM, from whoever asks ----

  /// A question.
  ///
  /// @param ask what is to be known
  public record Control(String ask) implements Outgoing {
    @Override
    public FrameType type() {
      return FrameType.CONTROL;
    }

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object("ask", ask);
    }
  }

  // ---- not in frames of their own ----

  /// What a worker reads from its descriptor 0.
  ///
  /// @param source what the adapter's file held when the pool was started, in hexadecimal
  /// @param preload whether a zygote imports the adapter
  /// @param bounds whether a zygote's workers will have a cgroup or limits; `null`: they will not
  /// @param host this JVM's pid, where it may lend memory files; else `null`
  /// @param logLevel the lowest that is wanted of the pool's loggers, as Python counts
  /// @param options the user's, as [ValueCodec#plainOptions] gives them
  public record Spec(
      List<Integer> protocol,
      Token token,
      String socket,
      String run,
      ProcessName name,
      @Nullable Long host,
      String adapter,
      @Nullable String source,
      @Nullable Boolean preload,
      @Nullable Boolean bounds,
      int logLevel,
      @Nullable List<String> harmlessThreads,
      Map<String, ? extends @Nullable Object> options)
      implements Written {
    @Override
    public String toString() {
      return "Spec[name=%s, adapter=%s, options=%s]".formatted(name, adapter, options.keySet());
    }

    @Override
    public Map<String, ?> fields() {
      return PlainJson.object(
          "protocol", protocol,
          "token", token.text(),
          "socket", socket,
          "run", run,
          "worker", name.toString(),
          "pool", name.pool(),
          "host", host,
          "adapter", adapter,
          "source", source,
          "preload", preload,
          "bounds", bounds,
          "log_level", logLevel,
          "harmless_threads", harmlessThreads,
          "options", options);
    }
  }

  /// The first line of a warden's standard input.
  ///
  /// @param number what the warden itself bears
  /// @param pidNamespace whether it is to live in one, with all that it starts
  public record WardenConfig(
      String run,
      long birthmark,
      long number,
      boolean pidNamespace,
      String socket,
      String lifelines,
      Token token,
      Host host,
      String directory)
      implements Written {
    @Override
    public Map<String, ?> fields() {
      return PlainJson.object(
          "run", run,
          "birthmark", birthmark,
          "number", number,
          "pid_namespace", pidNamespace,
          "socket", socket,
          "lifelines", lifelines,
          "token", token.text(),
          "host", PlainJson.object("pid", host.pid(), "ticks", host.ticks()),
          "directory", directory);
    }
  }

  public record Host(long pid, long ticks) {}
}
