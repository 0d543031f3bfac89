package dev.terrarium.json;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/// Values that are JSON already: null, text, booleans, `int`, `long` and `double`, and the JDK's
/// lists and maps of them. Such values need no more of Jackson than its streaming core; the data
/// binding takes a fresh JVM a fifth of a second to load, and every call a little more time.
public final class PlainJson {
  /// Given back where JSON is not what was wanted.
  public enum Unfit {
    UNFIT
  }

  /// What nests deeper is left to the data binding, which says where a cycle is.
  private static final int DEPTH_MAX = 64;

  /// What has more values is left to the data binding, which refuses what is too large.
  static final int VALUES_MAX = 1_000_000;

  private static final int NOT_PLAIN = -1;

  private static final JsonFactory FACTORY = new JsonFactory();

  private PlainJson() {}

  /// Whether [PlainWriter] takes the value. Takes a bounded time, also where lists are held by many
  /// others: written out they can be more than ever could be.
  public static boolean isPlain(@Nullable Object value) {
    return left(value, DEPTH_MAX, VALUES_MAX) >= 0;
  }

  /// How many more values may be looked at after this one, of `budget`; negative where it is not
  /// plain, or too much.
  private static int left(@Nullable Object value, int depth, int budget) {
    int left = budget - 1;
    if (value == null || value instanceof String || isScalar(value)) {
      return left;
    }
    // Other people's collections may be annotated.
    if (depth == 0 || value.getClass().getClassLoader() != null) {
      return NOT_PLAIN;
    }
    return switch (value) {
      case List<?> list -> left(list, depth, left);
      case Map<?, ?> map -> left(map, depth, left);
      default -> NOT_PLAIN;
    };
  }

  private static int left(List<?> list, int depth, int budget) {
    int left = budget;
    for (Object element : list) {
      if (left <= 0) {
        return NOT_PLAIN;
      }
      left = left(element, depth - 1, left);
    }
    return left;
  }

  private static int left(Map<?, ?> map, int depth, int budget) {
    int left = budget;
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      if (left <= 0 || !(entry.getKey() instanceof String)) {
        return NOT_PLAIN;
      }
      left = left(entry.getValue(), depth - 1, left);
    }
    return left;
  }

  /// Whether it is one of those whose text is their JSON.
  static boolean isScalar(Object value) {
    return value instanceof Integer
        || value instanceof Double
        || value instanceof Long
        || value instanceof Boolean;
  }

  /// The value whose first token is the parser's current one: a [LinkedHashMap], an [ArrayList],
  /// text, a number of the smallest type that holds it, a boolean or null.
  ///
  /// @throws JacksonException if it is no JSON
  public static @Nullable Object read(JsonParser json) {
    return switch (json.currentToken()) {
      case START_OBJECT -> readMap(json);
      case START_ARRAY -> readList(json);
      case VALUE_STRING -> json.getString();
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> json.getNumberValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      default -> Unfit.UNFIT;
    };
  }

  /// All of the input as one object.
  ///
  /// @throws JacksonException if it is no JSON
  /// @throws IllegalArgumentException if it is anything but one object
  public static Map<String, @Nullable Object> readObject(JsonParser json) {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw new IllegalArgumentException("it is no object");
    }
    Map<String, @Nullable Object> object = readMap(json);
    if (json.nextToken() != null) {
      throw new IllegalArgumentException("something follows the object");
    }
    return object;
  }

  private static Map<String, @Nullable Object> readMap(JsonParser json) {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    for (String name = json.nextName(); name != null; name = json.nextName()) {
      json.nextToken();
      map.put(name, read(json));
    }
    return map;
  }

  private static List<@Nullable Object> readList(JsonParser json) {
    List<@Nullable Object> list = new ArrayList<>();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      list.add(read(json));
    }
    return list;
  }

  /// All of the input, which is closed then, as one of the types that need no data binding:
  /// `Object`, `Map`, `List`, `String`, and the boxes of `boolean`, `int`, `long` and `double`.
  ///
  /// @return [Unfit] where the type is another one, or the JSON of another one
  public static @Nullable Object read(JsonParser input, Class<?> wanted) {
    try (JsonParser json = input) {
      JsonToken first = json.nextToken();
      Object value = first == null ? Unfit.UNFIT : read(json, first, wanted);
      return json.nextToken() == null ? value : Unfit.UNFIT;
    } catch (JacksonException e) {
      return Unfit.UNFIT;
    }
  }

  /// All of the input as text, which many results are.
  ///
  /// @return [Unfit] where it is anything but ASCII without escapes
  public static Object readSimpleText(byte[] json) {
    int last = json.length - 1;
    if (last < 1 || json[0] != '"' || json[last] != '"') {
      return Unfit.UNFIT;
    }
    for (int i = 1; i < last; i++) {
      if (json[i] < ' ' || json[i] == '"' || json[i] == '\\') { // what is no ASCII is negative
        return Unfit.UNFIT;
      }
    }
    return new String(json, 1, last - 1, ISO_8859_1);
  }

  private static @Nullable Object read(JsonParser json, JsonToken first, Class<?> wanted) {
    if (wanted == Object.class) {
      return read(json);
    }
    return switch (first) {
      case VALUE_STRING -> wanted == String.class ? json.getString() : Unfit.UNFIT;
      case VALUE_NUMBER_INT -> readInteger(json, wanted);
      case VALUE_NUMBER_FLOAT -> readFloat(json, wanted);
      case VALUE_TRUE, VALUE_FALSE ->
          wanted == Boolean.class ? json.getBooleanValue() : Unfit.UNFIT;
      case START_OBJECT -> wanted == Map.class ? readMap(json) : Unfit.UNFIT;
      case START_ARRAY -> wanted == List.class ? readList(json) : Unfit.UNFIT;
      default -> Unfit.UNFIT;
    };
  }

  private static Object readFloat(JsonParser json, Class<?> wanted) {
    boolean infinite = json.isNaN();
    double number = wanted == Double.class ? json.getDoubleValue() : 0;
    boolean pastTheRange = Double.isInfinite(number) && !infinite; // the data binding says so
    return wanted == Double.class && !pastTheRange ? number : Unfit.UNFIT;
  }

  private static Object readInteger(JsonParser json, Class<?> wanted) {
    JsonParser.NumberType held = json.getNumberType();
    if (wanted == Integer.class && held == JsonParser.NumberType.INT) {
      return json.getIntValue();
    }
    return wanted == Long.class && held != JsonParser.NumberType.BIG_INTEGER
        ? json.getLongValue()
        : Unfit.UNFIT;
  }

  /// An object of the fields that are not null, in their order.
  ///
  /// @param namesAndValues by turns
  public static Map<String, Object> object(@Nullable Object... namesAndValues) {
    Map<String, Object> fields = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      Object value = namesAndValues[i + 1];
      if (value != null) {
        fields.put((String) requireNonNull(namesAndValues[i]), value);
      }
    }
    return fields;
  }

  /// As text without line breaks.
  public static String text(Map<String, ?> object) {
    return new String(bytes(object, Integer.MAX_VALUE), UTF_8);
  }

  /// In UTF-8.
  ///
  /// @param limit how many bytes there may be
  /// @throws IllegalArgumentException as [PlainWriter] says
  public static byte[] bytes(Map<String, ?> object, int limit) {
    return new PlainWriter(limit, "").value(object).toBytes();
  }

  /// One object.
  ///
  /// @throws IllegalArgumentException if the text is anything but that
  public static Fields parse(String text) {
    try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), text)) {
      return Fields.read(json);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("no JSON: " + e.getOriginalMessage(), e);
    }
  }
}
