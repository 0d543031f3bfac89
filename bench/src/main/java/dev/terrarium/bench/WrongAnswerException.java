package dev.terrarium.bench;

/// What came back is not what was sent. A measurement that finds this is worth nothing.
final class WrongAnswerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  WrongAnswerException(String message) {
    super(message);
  }
}
