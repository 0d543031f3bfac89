package dev.terrarium;

/// The arguments do not fit the tool's signature; the tool did not run. The message is Python's
/// own, such as `missing a required argument: 'text'`.
public final class BadArgumentException extends TerrariumException {
  private static final long serialVersionUID = 1;

  public BadArgumentException(String tool, String message) {
    super("Tool '%s': %s".formatted(tool, message));
  }
}
