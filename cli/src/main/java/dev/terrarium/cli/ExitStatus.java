package dev.terrarium.cli;

/// What the command's exit status says; a table in each `--help`.
public final class ExitStatus {
  public static final int DONE = 0;
  static final int FAILED = 1;
  static final int WRONG_USAGE = 2;
  public static final int ENVIRONMENT_NOT_FIT = 3;
  static final int INTERRUPTED = 130;

  private ExitStatus() {}
}
