package dev.terrarium.wire;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// Plain values skip the data binding, and nobody may see a difference.
final class PlainValuesTest {
  private static final JsonMapper MAPPER = WireJson.newMapper();

  private static List<@Nullable Object> values() {
    List<@Nullable Object> values =
        new ArrayList<>(
            List.of(
                "",
                "é\u0000\"\\\n",
                "a\ud83d\udc0dz",
                0,
                -1,
                Long.MIN_VALUE,
                1L << 40,
                0.1,
                -0.0,
                1e300,
                Double.NaN,
                Double.NEGATIVE_INFINITY,
                Double.MIN_VALUE,
                true,
                List.of(),
                Map.of(),
                List.of(List.of(1), Map.of("$k", "v", "", 2)),
                Map.of("$", "$")));
    values.add(null);
    return values;
  }

  @Test
  void aPlainCallIsWrittenAsTheDataBindingWritesIt() {
    for (Object value : values()) {
      Map<String, @Nullable Object> named = new LinkedHashMap<>();
      named.put("$name", value);
      List<@Nullable Object> args = new ArrayList<>();
      args.add(value);
      for (var call :
          List.of(
              new Messages.Call("t", args, named),
              new Messages.Call("t", args, Map.of()),
              new Messages.Call("t", List.of(), named))) {
        Encoded bound = WireJson.writeCall(MAPPER, call, MemoryFiles.none());
        assertThat(WireJson.plainCall(call))
            .hasValueSatisfying(
                plain ->
                    assertThat(new String(plain.json(), UTF_8))
                        .isEqualTo(new String(bound.json(), UTF_8)));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "\"\"",
        "\"a\\ud83d\\udc0d\"",
        "\"plain\"",
        "\"é\"",
        "\"a\"b\"",
        "\"a\nb\"",
        "\"",
        "\"\u007f\"",
        "0",
        "-2147483649",
        "9223372036854775807",
        "1.0",
        "9223372036854775808",
        "1e3",
        "NaN",
        "-Infinity",
        "true",
        "[]",
        "{}",
        "[1,[2.5,null]]",
        "{\"a\":{\"b\":[]},\"a\":1}",
        "",
        "[",
        "1 2",
        "nul",
        "\"\\ud800\""
      })
  void aResultIsReadAsTheDataBindingReadsIt(String json) {
    for (Class<?> type :
        List.of(
            Object.class,
            String.class,
            Integer.class,
            Long.class,
            Double.class,
            Boolean.class,
            Map.class,
            List.class)) {
      assertThat(read(json, type)).as("%s as %s", json, type).isEqualTo(bound(json, type));
    }
  }

  private static @Nullable Object read(String json, Type type) {
    try {
      return new ValueCodec().decode(json.getBytes(UTF_8), List.of(), type);
    } catch (RuntimeException e) {
      return "refused";
    }
  }

  private static @Nullable Object bound(String json, Type type) {
    try {
      var parser = new WireParser(MAPPER.createParser(json.getBytes(UTF_8)));
      return MAPPER.readValue(parser, MAPPER.constructType(type));
    } catch (JacksonException e) {
      return "refused";
    }
  }
}
