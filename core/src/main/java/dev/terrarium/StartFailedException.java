package dev.terrarium;

import org.jspecify.annotations.Nullable;

/// A pool or the runtime could not be started; nothing of it is left running. The message says what
/// was missing, in its own words, and the remedy.
public final class StartFailedException extends TerrariumException {
  private static final long serialVersionUID = 1;

  /// What kept it from starting.
  public enum Reason {
    /// Not Linux, a kernel older than 5.10, a `/proc` of another PID namespace, too few open files
    /// allowed, or a JVM that lacks the module jdk.net or refuses native calls.
    PLATFORM,
    /// A library that carries values (Jackson) is missing, or of a version that does not fit the
    /// others.
    LIBRARIES,
    /// The state directory or the sockets' directory cannot be written.
    DIRECTORY,
    /// A hard limit of RLIMIT_RTTIME leaves no room for the birthmark.
    BIRTHMARK,
    /// There is no such interpreter.
    INTERPRETER_MISSING,
    /// Older than Python 3.9.
    INTERPRETER_TOO_OLD,
    /// It is there and does not run, or lacks a part of the standard library.
    INTERPRETER_UNUSABLE,
    /// The warden did not come up.
    WARDEN,
    /// The kernel refused a process (limits, memory) or its preparation.
    SPAWN,
    /// What [PoolBuilder#isolation] or [PoolBuilder#limits] ask for is not to be had here.
    CONTAINMENT,
    /// There is no such adapter.
    ADAPTER_MISSING,
    /// The adapter's file cannot be read.
    ADAPTER_UNREADABLE,
    /// The adapter is not Python: a SyntaxError.
    ADAPTER_SYNTAX,
    /// An import of the adapter failed.
    ADAPTER_IMPORT,
    /// The adapter called `sys.exit` while it was imported.
    ADAPTER_EXITED,
    /// The adapter raised while it was imported.
    ADAPTER_FAILED,
    /// A function marked `@on_start` raised.
    ON_START_FAILED,
    /// The adapter has no function marked `@tool`.
    NO_TOOLS,
    /// A worker was not ready within the start timeout.
    TIMED_OUT,
    /// Workers died before they were ready, several times in a row.
    WORKER_DIED,
    /// The start was interrupted, or the pool closed meanwhile, or the JVM is shutting down.
    CANCELLED
  }

  private final Reason reason;
  private final String pythonStacks;

  public StartFailedException(Reason reason, String message) {
    this(reason, message, "", null);
  }

  public StartFailedException(Reason reason, String message, Throwable cause) {
    this(reason, message, "", cause);
  }

  /// @param message with the stacks, where there are any
  public StartFailedException(
      Reason reason, String message, String pythonStacks, @Nullable Throwable cause) {
    super(message, cause);
    this.reason = reason;
    this.pythonStacks = pythonStacks;
  }

  public Reason reason() {
    return reason;
  }

  /// The Python stacks of all threads of whoever was not ready in time ([Reason#TIMED_OUT]): the
  /// worker, or the zygote that was to fork it. Empty where they could not be had, which the
  /// message explains, and for all other reasons.
  public String pythonStacks() {
    return pythonStacks;
  }
}
