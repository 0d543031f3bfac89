package dev.terrarium.wire;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.Start;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.ToolInfo;
import dev.terrarium.ValueException;
import dev.terrarium.process.ProcessName;
import dev.terrarium.wire.Messages.CallError;
import dev.terrarium.wire.Messages.Cancel;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.Messages.Drain;
import dev.terrarium.wire.Messages.ErrorKind;
import dev.terrarium.wire.Messages.Exited;
import dev.terrarium.wire.Messages.Hello;
import dev.terrarium.wire.Messages.Host;
import dev.terrarium.wire.Messages.Output;
import dev.terrarium.wire.Messages.Spawn;
import dev.terrarium.wire.Messages.Spec;
import dev.terrarium.wire.Messages.Stream;
import dev.terrarium.wire.Messages.Token;
import dev.terrarium.wire.Messages.WardenConfig;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class MessagesTest {
  private static final Spec SPEC =
      new Spec(
          List.of(1),
          new Token("secret"),
          "/run/s",
          "s59m65f",
          ProcessName.worker("a", 1),
          4242L,
          "/x.py",
          "0a",
          null,
          null,
          30,
          null,
          Map.of("$n", 1));

  private static Frame frame(FrameType type, String json) {
    return new Frame(type, 3, json.getBytes(UTF_8), List.of());
  }

  private static Hello hello(String json) {
    return Messages.hello(frame(FrameType.HELLO, json));
  }

  @Test
  void readsAQuestionAsItIsWritten() {
    Frame question = frame(FrameType.CONTROL, "{\"ask\":\"status\",\"more\":1}");
    assertThat(Messages.control(question)).isEqualTo(new Messages.Control("status"));
    assertThat(new String(Messages.write(new Messages.Control("status")), UTF_8))
        .isEqualTo("{\"ask\":\"status\"}");
    assertThatThrownBy(() -> Messages.control(frame(FrameType.CONTROL, "{}")))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("ask is missing");
  }

  @Test
  void readsTheHelloOfThePage() {
    Hello hello =
        hello(
            """
            {"protocol": 1, "token": "t", "pid": 4711, "language": "python", "version": "3.11.7",
             "capabilities": ["cancel", "stacks", "log"],
             "tools": [{"name": "add", "doc": "Add.", "kind": "plain", "idempotent": false,
                        "returns": "int",
                        "parameters": [{"name": "a", "kind": "positional or keyword",
                                        "type": "int", "required": true, "default": null}]}]}
            """);
    assertThat(hello.token()).isEqualTo(new Token("t"));
    assertThat(hello.pid()).isEqualTo(4711);
    assertThat(hello.failure()).isNull();
    var tool = hello.tools().getFirst();
    assertThat(tool.kind()).isEqualTo(ToolInfo.Kind.PLAIN);
    assertThat(tool.parameters().getFirst().kind())
        .isEqualTo(ToolInfo.ParameterKind.POSITIONAL_OR_KEYWORD);
    assertThat(tool.parameters().getFirst().standard()).isNull();
  }

  @Test
  void readsAHelloThatFailedAndOneWithTheLeast() {
    Hello failed =
        hello(
            "{\"protocol\":1,\"token\":\"t\",\"pid\":1,\"failure\":{\"reason\":\"NO_TOOLS\",\"x\":1}}");
    assertThat(failed.tools()).isEmpty();
    assertThat(failed.failure()).isEqualTo(new Messages.Failure(Reason.NO_TOOLS, "", "", null));
  }

  @Test
  void refusesAReasonThatIsNotTheAdaptersAndAStepThatThereIsNot() {
    assertThatThrownBy(
            () ->
                hello(
                    "{\"protocol\":1,\"token\":\"t\",\"pid\":1,\"failure\":{\"reason\":\"WARDEN\"}}"))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("failure.reason: not for a worker to say: WARDEN");
    String failed = "{\"step\":\"%s\",\"errno\":2,\"message\":\"gone\"}";
    var known =
        (Messages.SpawnFailed)
            Messages.fromWarden(frame(FrameType.SPAWN_FAILED, failed.formatted("limits")));
    assertThat(known.step()).isEqualTo(Messages.SpawnStep.LIMITS);
    assertThat(known.text()).isEqualTo("limits: gone");
    assertThatThrownBy(
            () -> Messages.fromWarden(frame(FrameType.SPAWN_FAILED, failed.formatted("odd"))))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("step: unknown: \"odd\"");
  }

  @Test
  void refusesWhatIsMissingOrOfAnotherType() {
    assertThatThrownBy(() -> hello("{\"protocol\":1,\"pid\":1}"))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("HELLO #3")
        .hasMessageContaining("token is missing");
    assertThatThrownBy(() -> hello("{\"protocol\":1,\"token\":\"t\"}"))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("pid");
    assertThatThrownBy(() -> hello("{\"protocol\":\"1\",\"token\":\"t\",\"pid\":1}"))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("protocol: ");
    assertThatThrownBy(() -> hello("{\"protocol\":7,\"token\":\"t\",\"pid\":1}"))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("protocol: the worker speaks 7, this JVM 1");
    assertThatThrownBy(() -> hello("{\"protocol\":1,\"token\":5,\"pid\":1}"))
        .isInstanceOf(ProtocolException.class);
    assertThatThrownBy(
            () ->
                hello(
                    "{\"protocol\":1,\"token\":\"t\",\"pid\":1,\"tools\":[{\"name\":\"a\",\"kind\":\"odd\"}]}"))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("tools[0].kind: ");
    assertThatThrownBy(() -> hello("{\"protocol\":1,\"token\":\"t\",\"pid\":1,\"tools\":[null]}"))
        .isInstanceOf(ProtocolException.class);
    for (String odd : List.of("", "null", "[]", "{", "5", "{} {}", "[".repeat(100_000))) {
      assertThatThrownBy(() -> hello(odd)).isInstanceOf(ProtocolException.class);
    }
  }

  @Test
  void readsErrors() {
    CallError error =
        Messages.callError(
            frame(FrameType.ERROR, "{\"kind\":\"unknown-tool\",\"nearest\":\"add\"}"));
    assertThat(error).isEqualTo(new CallError(ErrorKind.UNKNOWN_TOOL, "", "", null, "add"));
  }

  @Test
  void readsWhatAWardenSays() {
    assertThat(
            Messages.fromWarden(
                frame(
                    FrameType.EXITED,
                    "{\"pid\":5,\"code\":null,\"signal\":9,\"core\":false,\"cpu_ms\":7,\"max_rss_kib\":8,\"stderr\":\"x\"}")))
        .isEqualTo(new Exited(5, null, 9, false, 7L, 8L, "x", ""));
    assertThat(
            Messages.fromWarden(
                frame(
                    FrameType.EXITED,
                    "{\"pid\":5,\"signal\":24,\"core\":false,\"limit\":\"used up\"}")))
        .isEqualTo(new Exited(5, null, 24, false, null, null, "", "used up"));
    assertThat(
            Messages.fromWarden(
                frame(FrameType.OUTPUT, "{\"stream\":\"stderr\",\"lines\":[\"a\"],\"dropped\":2}")))
        .isEqualTo(new Output(Stream.STDERR, List.of("a"), 2L));
    assertThatThrownBy(
            () -> Messages.fromWarden(frame(FrameType.EXITED, "{\"pid\":5,\"core\":false}")))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("code null and signal null");
    assertThatThrownBy(() -> Messages.fromWarden(frame(FrameType.RESULT, "{}")))
        .isInstanceOf(ProtocolException.class);
  }

  private static String json(Messages.Written message) {
    return new String(Messages.write(message), UTF_8);
  }

  @Test
  void writesWhatTheJvmSays() {
    assertThat(json(new Drain())).isEqualTo("{}");
    assertThat(json(new Cancel(CancelReason.DEADLINE))).isEqualTo("{\"reason\":\"deadline\"}");
    var spawn =
        new Spawn(
            ProcessName.worker("a", 1),
            Start.EXEC,
            null,
            List.of("python3"),
            Map.of("$X", "y"),
            List.of("Z"),
            null,
            null,
            null,
            SPEC);
    assertThat(json(spawn))
        .isEqualTo(
            "{\"worker\":\"a-1\",\"role\":\"worker\",\"via\":\"exec\",\"argv\":[\"python3\"],\"set\":{\"$X\":\"y\"},"
                + "\"unset\":[\"Z\"],\"spec\":{\"protocol\":[1],\"token\":\"secret\","
                + "\"socket\":\"/run/s\",\"run\":\"s59m65f\",\"worker\":\"a-1\",\"pool\":\"a\","
                + "\"host\":4242,\"adapter\":\"/x.py\",\"source\":\"0a\",\"log_level\":30,\"options\":{\"$n\":1}}}");
    var bounded =
        new Spawn(
            ProcessName.worker("a", 1),
            Start.EXEC,
            null,
            List.of(),
            Map.of(),
            List.of(),
            null,
            Map.of("tree", "/c/terrarium-r"),
            Map.of("cpu_seconds", 7L),
            SPEC);
    assertThat(json(bounded))
        .contains("\"cgroup\":{\"tree\":\"/c/terrarium-r\"},\"limits\":{\"cpu_seconds\":7},");
    var config =
        new WardenConfig(
            "r",
            1L << 60,
            1L << 32,
            true,
            "/s",
            "/l",
            new Token("t"),
            new Host(4242, 81234),
            "/run/r");
    assertThat(json(config))
        .isEqualTo(
            "{\"run\":\"r\",\"birthmark\":1152921504606846976,\"number\":4294967296,"
                + "\"pid_namespace\":true,\"socket\":\"/s\",\"lifelines\":\"/l\",\"token\":\"t\",\"host\":{\"pid\":4242,\"ticks\":81234},"
                + "\"directory\":\"/run/r\"}");
    assertThat(Messages.frame(9, new Drain()).type()).isEqualTo(FrameType.DRAIN);
  }

  private record Layer(String name, List<Integer> sizes) {}

  @Test
  void optionsBecomePlainOrAreRefusedWithTheirPath() {
    Map<String, Object> plain = Map.of("model", "small");
    assertThat(new ValueCodec().plainOptions(plain)).isSameAs(plain);
    assertThat(
            new ValueCodec().plainOptions(Map.of("layers", List.of(new Layer("a", List.of(1, 2))))))
        .isEqualTo(Map.of("layers", List.of(Map.of("name", "a", "sizes", List.of(1, 2)))));
    assertThatThrownBy(() -> new ValueCodec().plainOptions(Map.of("model", new byte[] {1})))
        .isInstanceOf(ValueException.class)
        .hasMessage("options.model: bytes cannot be sent here");
  }

  @Test
  void keepsTokensOutOfTexts() {
    assertThat(SPEC.toString()).doesNotContain("secret");
  }
}
