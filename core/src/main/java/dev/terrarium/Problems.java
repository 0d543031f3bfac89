package dev.terrarium;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Collects everything that is wrong with a configuration, so that it is reported at once.
final class Problems {
  private final String subject;
  private final List<String> found = new ArrayList<>();

  Problems(String subject) {
    this.subject = subject;
  }

  void check(boolean fine, String otherwise) {
    if (!fine) {
      found.add(otherwise);
    }
  }

  void checkPositive(String name, Duration value) {
    check(value.isPositive(), name + " must be positive: " + value);
  }

  void throwIfAny() {
    if (!found.isEmpty()) {
      throw new IllegalArgumentException(subject + ": " + String.join("; ", found));
    }
  }
}
