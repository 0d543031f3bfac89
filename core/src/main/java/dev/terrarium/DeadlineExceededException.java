package dev.terrarium;

/// The call's deadline passed before its result came. The call is cancelled over there; the worker
/// is replaced where it cannot be interrupted. What to do: look at the stacks, or give the call
/// more time.
public final class DeadlineExceededException extends TerrariumException {
  private static final long serialVersionUID = 1;
  private final String pythonStacks;

  public DeadlineExceededException(String message, String pythonStacks) {
    super(pythonStacks.isEmpty() ? message : message + System.lineSeparator() + pythonStacks);
    this.pythonStacks = pythonStacks;
  }

  /// The Python stacks of all threads of the worker at that moment; empty where the call was still
  /// waiting for a worker, or where Python could not say them (a stopped process).
  public String pythonStacks() {
    return pythonStacks;
  }
}
