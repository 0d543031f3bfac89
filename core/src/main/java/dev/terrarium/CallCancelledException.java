package dev.terrarium;

/// The caller gave the call up: his thread was interrupted (the flag is set again) or his future
/// was cancelled.
public final class CallCancelledException extends TerrariumException {
  private static final long serialVersionUID = 1;

  public CallCancelledException(String message) {
    super(message);
  }
}
