package dev.terrarium.wire;

import dev.terrarium.TerrariumException;

/// The other side broke the protocol. The message names what it sent, and the numbers.
public final class ProtocolException extends TerrariumException {
  private static final long serialVersionUID = 1L;

  public ProtocolException(String message) {
    super(message);
  }

  public ProtocolException(String message, Throwable cause) {
    super(message, cause);
  }
}
