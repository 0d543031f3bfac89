package dev.terrarium.process;

import java.io.IOException;
import java.util.Optional;

/// The kernel refuses because this process, or the machine, has run out of something: nobody else
/// has done anything wrong. The message names the limit, and what helps.
public final class ScarceException extends IOException {
  private static final long serialVersionUID = 1L;

  private ScarceException(String message) {
    super(message);
  }

  /// The error for `errno`, where that is one of these.
  static Optional<ScarceException> of(int errno, String what) {
    String why =
        switch (errno) {
          case Libc.EMFILE ->
              "this JVM has no file descriptor left (ulimit -n); raise that limit, or read results"
                  + " sooner: a large one takes a descriptor until it is read";
          case Libc.ENFILE ->
              "this machine has no file descriptor left (sysctl fs.file-max); raise that limit, or"
                  + " read results sooner: a large one takes a descriptor until it is read";
          case Libc.ENOMEM ->
              "this JVM has no room left for it (ulimit -v, sysctl vm.max_map_count, the machine's"
                  + " memory); raise the limit, or close the arenas of results sooner";
          default -> "";
        };
    return why.isEmpty() ? Optional.empty() : Optional.of(new ScarceException(what + ": " + why));
  }
}
