package dev.terrarium.cli;

/// The command line asks for what cannot be; the message is one line that says why.
final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1;

  UsageException(String message) {
    super(message);
  }
}
