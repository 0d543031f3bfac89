package dev.terrarium;

import org.jspecify.annotations.Nullable;

/// A value cannot be carried between Java and Python: an argument that has no form on the wire, or
/// a result that does not fit the type asked for, or that this JVM has no descriptor or no room
/// left to open. The message begins with the path of the value: `args[0].items[3].when: a
/// java.lang.Thread cannot be sent; ...`.
public final class ValueException extends TerrariumException {
  private static final long serialVersionUID = 1L;

  private final String path;

  public ValueException(String path, String problem) {
    this(path, problem, null);
  }

  public ValueException(String path, String problem, @Nullable Throwable cause) {
    super(path + ": " + problem, cause);
    this.path = path;
  }

  /// Where the value stands, as `args[0].items[3].when`.
  public String path() {
    return path;
  }
}
