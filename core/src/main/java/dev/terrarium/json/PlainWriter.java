package dev.terrarium.json;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Plain values as JSON in UTF-8, without the objects that a generator consists of: half of what a
/// small call allocates.
///
/// What cannot be written (a value that is not plain, half of a surrogate pair, more than the limit
/// of bytes) is an [IllegalArgumentException].
public final class PlainWriter {
  private static final int ROOM_AT_FIRST = 128;
  private static final byte[] HEX = {
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'
  };

  private final int limit;
  private final String keyEscape;
  private byte[] bytes = new byte[ROOM_AT_FIRST];
  private int size;

  /// @param limit how many bytes there may be
  /// @param keyEscape keys that begin with this get it once more; empty: none do
  public PlainWriter(int limit, String keyEscape) {
    this.limit = limit;
    this.keyEscape = keyEscape;
  }

  /// Text of ASCII, as it is.
  public PlainWriter raw(String ascii) {
    int length = ascii.length();
    room(length);
    for (int i = 0; i < length; i++) {
      bytes[size++] = (byte) ascii.charAt(i);
    }
    return this;
  }

  public PlainWriter value(@Nullable Object value) {
    if (value instanceof String text) {
      string("", text);
    } else if (value instanceof Map<?, ?> map) {
      object(map);
    } else if (value instanceof List<?> list) {
      array(list);
    } else if (value == null || PlainJson.isScalar(value)) {
      raw(String.valueOf(value)); // which for numbers is what JSON and Python call them
    } else {
      throw new IllegalArgumentException("not plain: " + value.getClass());
    }
    return this;
  }

  private void object(Map<?, ?> map) {
    char before = '{';
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      String key = (String) entry.getKey();
      put(before);
      string(!keyEscape.isEmpty() && key.startsWith(keyEscape) ? keyEscape : "", key);
      put(':');
      value(entry.getValue());
      before = ',';
    }
    if (map.isEmpty()) {
      put('{');
    }
    put('}');
  }

  private void array(List<?> list) {
    char before = '[';
    for (Object element : list) {
      put(before);
      value(element);
      before = ',';
    }
    if (list.isEmpty()) {
      put('[');
    }
    put(']');
  }

  private void string(String before, String text) {
    put('"');
    raw(before);
    int length = text.length();
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c >= ' ' && c < 0x80 && c != '"' && c != '\\') {
        put(c);
      } else if (c < 0x80) {
        escape(c);
      } else if (!Character.isSurrogate(c)) {
        utf8(c);
      } else if (Character.isHighSurrogate(c)
          && i + 1 < length
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        utf8(Character.toCodePoint(c, text.charAt(++i)));
      } else {
        throw new IllegalArgumentException("half of a surrogate pair");
      }
    }
    put('"');
  }

  private void escape(char c) {
    int at = "\"\\\b\f\n\r\t".indexOf(c);
    put('\\');
    if (at >= 0) {
      put("\"\\bfnrt".charAt(at));
    } else {
      raw("u00");
      put((char) HEX[c >> 4]);
      put((char) HEX[c & 0xF]);
    }
  }

  private void utf8(int point) {
    room(4);
    if (point < 0x800) {
      bytes[size++] = (byte) (0xC0 | (point >> 6));
    } else if (point < 0x10000) {
      bytes[size++] = (byte) (0xE0 | (point >> 12));
      continuation(point >> 6);
    } else {
      bytes[size++] = (byte) (0xF0 | (point >> 18));
      continuation(point >> 12);
      continuation(point >> 6);
    }
    continuation(point);
  }

  private void continuation(int bits) {
    bytes[size++] = (byte) (0x80 | (bits & 0x3F));
  }

  private void put(char ascii) {
    if (size == bytes.length) {
      room(1);
    }
    bytes[size++] = (byte) ascii;
  }

  private void room(int more) {
    if (more > limit - size) {
      throw new IllegalArgumentException("more than " + limit + " bytes");
    }
    if (more > bytes.length - size) {
      int twice = (int) Math.min(limit, 2L * bytes.length);
      bytes = Arrays.copyOf(bytes, Math.max(twice, size + more));
    }
  }

  public byte[] toBytes() {
    return Arrays.copyOf(bytes, size);
  }
}
