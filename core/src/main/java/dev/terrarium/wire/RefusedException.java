package dev.terrarium.wire;

/// A [Greeter] does not want this connection; it is closed without an answer. Checked, because it
/// is an expected outcome of greeting and nobody else's business.
public final class RefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  public RefusedException(String reason) {
    super(reason);
  }
}
