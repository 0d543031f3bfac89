package dev.terrarium.process;

import java.util.OptionalLong;
import java.util.function.LongConsumer;

/// The numbers that were given out since a moment: who got them may stand in no list of processes.
///
/// A chain whose links each fork the next and die is gone from any list by the time that it is
/// read. But it cannot hide that numbers are given out.
public final class Births {
  /// How often it is looked whether somebody was born meanwhile. Each time is a race against one
  /// link of a chain, and most are won.
  private static final int LOOKS = 50;

  /// A number may be given out some time before its process can be seen.
  private static final int BEHIND = 64;

  /// Somebody may make the kernel leave out millions of numbers.
  private static final int MAX = 10_000;

  private final OptionalLong since;

  private Births(OptionalLong since) {
    this.since = since;
  }

  /// From now on.
  public static Births fromNow() {
    return new Births(ProcFs.newestPid());
  }

  /// Whether a number was given out; to whom, to a process or a thread, does not show.
  public boolean any() {
    return !ProcFs.newestPid().equals(since);
  }

  /// Looks at all numbers that were given out, and at those that are meanwhile, again and again;
  /// the newest first: it lives longest.
  public void forEach(LongConsumer look) {
    long last = since.orElse(0);
    for (int i = 0; i < LOOKS; i++) {
      long newest = ProcFs.newestPid().orElse(0);
      long first = Math.clamp(last, newest - MAX, newest - BEHIND);
      for (long pid = newest; pid >= Math.max(1, first); pid--) {
        look.accept(pid);
      }
      last = newest; // where the numbers began anew it is less than before
    }
  }
}
