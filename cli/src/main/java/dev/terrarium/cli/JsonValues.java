package dev.terrarium.cli;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// What JSON has no words for, in both directions: bytes are `{"$bytes": "base64"}`, and the floats
/// that are no numbers are `{"$float": "NaN"}`, `"Infinity"` or `"-Infinity"`. A user's object
/// whose only key looks like that has one more `$` in front of it. Nothing is lost, and any JSON
/// parser can read it.
final class JsonValues {
  private static final String BYTES = "$bytes";
  private static final String FLOAT = "$float";
  private static final String TAG = "\\$+(bytes|float)";

  private JsonValues() {}

  /// A tool's result as JSON can say it.
  static @Nullable Object toJson(@Nullable Object value) {
    return switch (value) {
      case byte[] bytes -> Map.of(BYTES, Base64.getEncoder().encodeToString(bytes));
      case Double number when !Double.isFinite(number) -> Map.of(FLOAT, number.toString());
      case Map<?, ?> map -> each(looksTagged(map) ? renamed(map, key -> "$" + key) : map, true);
      case List<?> list -> each(list, true);
      case null, default -> value;
    };
  }

  /// An argument as it was meant.
  ///
  /// @throws UsageException where what should be base64 or a float is not
  static @Nullable Object fromJson(@Nullable Object value) {
    return switch (value) {
      case Map<?, ?> map when map.size() == 1 && map.get(BYTES) instanceof String text ->
          bytes(text);
      case Map<?, ?> map when map.size() == 1 && map.get(FLOAT) instanceof String text ->
          number(text);
      case Map<?, ?> map ->
          each(
              looksTagged(map) ? renamed(map, key -> key.replaceFirst("^\\$\\$", "\\$")) : map,
              false);
      case List<?> list -> each(list, false);
      case null, default -> value;
    };
  }

  private static @Nullable Object convert(@Nullable Object value, boolean outwards) {
    return outwards ? toJson(value) : fromJson(value);
  }

  private static Map<String, @Nullable Object> each(Map<?, ?> map, boolean outwards) {
    Map<String, @Nullable Object> converted = new LinkedHashMap<>();
    map.forEach((key, value) -> converted.put(String.valueOf(key), convert(value, outwards)));
    return converted;
  }

  private static List<@Nullable Object> each(List<?> list, boolean outwards) {
    List<@Nullable Object> converted = new ArrayList<>(list.size());
    list.forEach(value -> converted.add(convert(value, outwards)));
    return converted;
  }

  private static boolean looksTagged(Map<?, ?> map) {
    return map.size() == 1 && String.valueOf(map.keySet().iterator().next()).matches(TAG);
  }

  private static Map<String, @Nullable Object> renamed(
      Map<?, ?> map, UnaryOperator<String> rename) {
    Map<String, @Nullable Object> renamed = new LinkedHashMap<>();
    map.forEach((key, value) -> renamed.put(rename.apply(String.valueOf(key)), value));
    return renamed;
  }

  private static byte[] bytes(String text) {
    try {
      return Base64.getDecoder().decode(text);
    } catch (IllegalArgumentException e) {
      throw new UsageException("$bytes is not base64: " + e.getMessage());
    }
  }

  private static Double number(String text) {
    return switch (text) {
      case "NaN" -> Double.NaN;
      case "Infinity" -> Double.POSITIVE_INFINITY;
      case "-Infinity" -> Double.NEGATIVE_INFINITY;
      default ->
          throw new UsageException("$float is NaN, Infinity or -Infinity, not '" + text + "'");
    };
  }
}
