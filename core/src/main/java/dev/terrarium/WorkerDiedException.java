package dev.terrarium;

/// The worker that ran the call is gone; whether the call had its effect is not known. The pool
/// replaces the worker by itself. What to do: call again if the tool is idempotent.
public final class WorkerDiedException extends TerrariumException {
  private static final long serialVersionUID = 1;
  private final String worker;
  private final Exit exit;
  private final String stderrTail;

  public WorkerDiedException(
      String worker, String tool, Exit exit, String reason, String stderrTail) {
    super(
        "Worker %s died in a call of '%s': %s%s%s"
            .formatted(
                worker,
                tool,
                exit.describe(),
                reason.isEmpty() ? "" : " (" + reason + ")",
                stderrTail.isEmpty()
                    ? "; stderr is empty"
                    : "; the end of its stderr:" + System.lineSeparator() + stderrTail));
    this.worker = worker;
    this.exit = exit;
    this.stderrTail = stderrTail;
  }

  /// The worker's id, such as `a-1`.
  public String worker() {
    return worker;
  }

  /// How the process ended.
  public Exit exit() {
    return exit;
  }

  /// At most the last 50 lines that the worker wrote to stderr.
  public String stderrTail() {
    return stderrTail;
  }
}
