package dev.terrarium.cli;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.StreamWriteConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// JSON on the command line, one value a line.
public final class Json {
  /// Python's own limit for integers as text.
  private static final int DIGITS_MAX = 4_300;

  /// What the wire allows, and the objects that stand for bytes and odd numbers at the bottom of
  /// it.
  private static final int NESTING_MAX = 510;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNumberLength(DIGITS_MAX + 1)
                          .maxNestingDepth(NESTING_MAX)
                          .maxStringLength(Integer.MAX_VALUE)
                          .build())
                  .streamWriteConstraints(
                      StreamWriteConstraints.builder().maxNestingDepth(NESTING_MAX).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .build();

  private static final JsonMapper DECIMALS =
      MAPPER.rebuild().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();

  private Json() {}

  /// An object with its fields in the order given: `object("event", "closed", "left", 0)`.
  public static Map<String, @Nullable Object> object(@Nullable Object... namesAndValues) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      object.put(String.valueOf(namesAndValues[i]), namesAndValues[i + 1]);
    }
    return object;
  }

  /// One line of JSON.
  public static String write(@Nullable Object value) {
    return MAPPER.writeValueAsString(value);
  }

  /// Reads one value. A number with a fraction or an exponent is a `Double`, or a `BigDecimal`
  /// where digits would be lost.
  ///
  /// @throws UsageException saying where it is not JSON
  public static @Nullable Object read(String text) {
    try {
      return exact(MAPPER.readValue(text, Object.class), DECIMALS.readValue(text, Object.class));
    } catch (JacksonException e) {
      throw new UsageException("that is not JSON: " + plain(e) + where(e));
    }
  }

  /// Both were read from the same text, one with doubles, which know of -0.0, the other with
  /// decimals, which keep all digits.
  private static @Nullable Object exact(@Nullable Object value, @Nullable Object decimals) {
    if (value instanceof Map<?, ?> map && decimals instanceof Map<?, ?> other) {
      Map<Object, @Nullable Object> exact = new LinkedHashMap<>();
      map.forEach((key, each) -> exact.put(key, exact(each, other.get(key))));
      return exact;
    }
    if (value instanceof List<?> list && decimals instanceof List<?> other) {
      List<@Nullable Object> exact = new ArrayList<>(list.size());
      for (int i = 0; i < list.size(); i++) {
        exact.add(exact(list.get(i), other.get(i)));
      }
      return exact;
    }
    boolean loses =
        value instanceof Double number
            && decimals instanceof BigDecimal decimal
            && (!Double.isFinite(number)
                || new BigDecimal(number.toString()).compareTo(decimal) != 0);
    return loses ? decimals : value;
  }

  /// Reads one value to look into.
  public static JsonNode tree(String text) {
    return MAPPER.readTree(text);
  }

  // Jackson names its own switches, which nobody can reach from here.
  private static String plain(JacksonException e) {
    return e.getOriginalMessage()
        .replaceAll("[:,]? *(not allowed as per|from|enable) `[^`]*`[^)]*", "")
        .replaceAll(" *\\(\\)", "");
  }

  private static String where(JacksonException e) {
    var at = e.getLocation();
    return at == null ? "" : " (line %d, column %d)".formatted(at.getLineNr(), at.getColumnNr());
  }
}
