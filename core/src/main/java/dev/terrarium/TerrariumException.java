package dev.terrarium;

import org.jspecify.annotations.Nullable;

/// The root of everything that Terrarium throws for a reason that lies outside the program's text.
/// One subclass per thing a caller can do about it.
public abstract class TerrariumException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  protected TerrariumException(String message) {
    super(message);
  }

  protected TerrariumException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
