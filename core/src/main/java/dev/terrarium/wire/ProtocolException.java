package dev.terrarium.wire;

import dev.terrarium.TerrariumException;

/// The other side broke the protocol. The message names what it sent, and the numbers.
public final class ProtocolException extends TerrariumException {
  private static final long serialVersionUID = 1L;

  /// Where there is no memory for one that says more. Nobody's fault, but what was sent is lost,
  /// and nothing that follows it can be understood.
  @SuppressWarnings("StaticAssignmentOfThrowable") // made beforehand, for when there is none
  static final ProtocolException OUT_OF_MEMORY =
      new ProtocolException("there was no memory left to handle what was sent");

  private final boolean cut;

  public ProtocolException(String message) {
    this(message, false);
  }

  public ProtocolException(String message, Throwable cause) {
    super(message, cause);
    this.cut = false;
  }

  private ProtocolException(String message, boolean cut) {
    super(message);
    this.cut = cut;
  }

  /// The connection ended in the middle of a frame: what also happens to those who are killed while
  /// they write.
  static ProtocolException cut(String where) {
    return new ProtocolException("the connection ended in " + where, true);
  }

  /// Whether it is nothing worse than an early end.
  public boolean isCut() {
    return cut;
  }
}
