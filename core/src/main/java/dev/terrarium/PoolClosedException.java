package dev.terrarium;

/// The pool was closed before or while the call ran.
public final class PoolClosedException extends TerrariumException {
  private static final long serialVersionUID = 1;

  public PoolClosedException(String message) {
    super(message);
  }
}
