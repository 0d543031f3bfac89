package dev.terrarium.json;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;

/// The fields of a JSON object. What is missing is null or empty where the method says so; all else
/// that is not there, or of another type, is an [IllegalArgumentException] that begins with the
/// field's path, such as `tools[0].kind`.
public final class Fields {
  private final Map<?, ?> fields;
  private final String path;

  private Fields(Map<?, ?> fields, String path) {
    this.fields = fields;
    this.path = path;
  }

  /// All of the input.
  ///
  /// @throws JacksonException if it is no JSON
  /// @throws IllegalArgumentException if it is anything but one object
  public static Fields read(JsonParser json) {
    return new Fields(PlainJson.readObject(json), "");
  }

  public boolean has(String name) {
    return fields.get(name) != null;
  }

  public String text(String name) {
    return require(name, textOrNull(name));
  }

  /// Empty where it is missing.
  public String textOrEmpty(String name) {
    String text = textOrNull(name);
    return text == null ? "" : text;
  }

  public @Nullable String textOrNull(String name) {
    return as(name, String.class, fields.get(name));
  }

  public long integer(String name) {
    return require(name, integerOrNull(name));
  }

  public @Nullable Long integerOrNull(String name) {
    Object value = fields.get(name);
    return value instanceof Integer small ? Long.valueOf(small) : as(name, Long.class, value);
  }

  /// An integer of 32 bits.
  public int small(String name) {
    return require(name, smallOrNull(name));
  }

  public @Nullable Integer smallOrNull(String name) {
    return as(name, Integer.class, fields.get(name));
  }

  public boolean truth(String name) {
    return require(name, as(name, Boolean.class, fields.get(name)));
  }

  public @Nullable Fields objectOrNull(String name) {
    Map<?, ?> map = as(name, Map.class, fields.get(name));
    return map == null ? null : new Fields(map, path(name) + ".");
  }

  public Fields object(String name) {
    return require(name, objectOrNull(name));
  }

  /// Empty where it is missing.
  public List<Fields> objects(String name) {
    List<Fields> all = new ArrayList<>();
    for (Object element : list(name)) {
      String at = name + "[" + all.size() + "]";
      Map<?, ?> map = require(at, as(at, Map.class, element));
      all.add(new Fields(map, path(at) + "."));
    }
    return List.copyOf(all);
  }

  /// Empty where it is missing.
  public List<String> texts(String name) {
    List<String> all = new ArrayList<>();
    for (Object element : list(name)) {
      String at = name + "[" + all.size() + "]";
      all.add(require(at, as(at, String.class, element)));
    }
    return List.copyOf(all);
  }

  /// An object whose fields are all texts. Empty where it is missing.
  public Map<String, String> textsByName(String name) {
    Fields object = objectOrNull(name);
    if (object == null) {
      return Map.of();
    }
    var all = new HashMap<String, String>();
    object.fields.keySet().forEach(key -> all.put((String) key, object.text((String) key)));
    return Map.copyOf(all);
  }

  private List<?> list(String name) {
    List<?> list = as(name, List.class, fields.get(name));
    return list == null ? List.of() : list;
  }

  /// A constant that is written in small letters, with `separator` for each underscore.
  public <E extends Enum<E>> E word(String name, Class<E> type, char separator) {
    String word = text(name);
    for (E constant : type.getEnumConstants()) {
      if (word(constant, separator).equals(word)) {
        return constant;
      }
    }
    throw refusal(name, "unknown: \"" + word + '"');
  }

  /// What [#word(String, Class, char)] reads.
  public static String word(Enum<?> constant, char separator) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', separator);
  }

  /// A constant that is written by its name.
  public <E extends Enum<E>> E constant(String name, Class<E> type) {
    String text = text(name);
    for (E constant : type.getEnumConstants()) {
      if (constant.name().equals(text)) {
        return constant;
      }
    }
    throw refusal(name, "unknown: \"" + text + '"');
  }

  private <T> @Nullable T as(String name, Class<T> type, @Nullable Object value) {
    if (value != null && !type.isInstance(value)) {
      throw refusal(name, "not of the type " + type.getSimpleName());
    }
    return type.cast(value);
  }

  private <T> T require(String name, @Nullable T value) {
    if (value == null) {
      throw new IllegalArgumentException(path(name) + " is missing");
    }
    return value;
  }

  /// What is wrong with a field.
  public IllegalArgumentException refusal(String name, String problem) {
    return new IllegalArgumentException(path(name) + ": " + problem);
  }

  private String path(String name) {
    return path + name;
  }
}
