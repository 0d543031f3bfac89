package dev.terrarium.trials;

import java.util.List;
import java.util.stream.Stream;

/// What happens to a host that goes on: something runs out for a while, or somebody is killed.
enum Misfortune {
  HEAP("heap full"),
  THREADS("no thread and no process to be had"),
  DESCRIPTORS("no descriptor left, host and warden"),
  DISK("nothing can be written, host and warden"),
  LOG("log backend stalls"),
  WORKER("SIGKILL of a worker"),
  ZYGOTE("SIGKILL of the zygote"),
  WARDEN("SIGKILL of the warden");

  /// What runs out, and is there again later.
  static final List<Misfortune> SHORTAGES = Stream.of(values()).filter(it -> !it.isKill()).toList();

  private final String words;

  Misfortune(String words) {
    this.words = words;
  }

  /// For people.
  String words() {
    return words;
  }

  /// Whether it happens at once, and has no end.
  boolean isKill() {
    return this == WORKER || this == ZYGOTE || this == WARDEN;
  }
}
