package dev.terrarium.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.IntPredicate;

/// Sees to it that descriptors of ours end with this process.
///
/// The JDK makes sockets, pipes and files without `FD_CLOEXEC`, since its own children close all
/// that they have; but a child that native code starts (`posix_spawn`, `fork` and `exec`) inherits
/// them. Such a child that lives on would hold the JVM's ends of the lifelines and of the warden's
/// standard input, whose closing is what tells that the JVM is dead. The JDK does not say which
/// number a channel has, so they are recognized by what they are; nobody else's is touched.
///
/// Between a descriptor's making and its marking lies a moment in which such a child may be
/// started. It then holds one connection or pipe; the other layers do not go by these.
public final class Descriptors {
  private static final Path OWN = Path.of("/proc/self/fd");

  private Descriptors() {}

  /// Marks the sockets that are bound to files in a directory: those that listen there, and all
  /// that they have accepted.
  public static void closeOnExec(Path directory) {
    String prefix = directory + "/";
    mark(number -> Libc.socketName(number).startsWith(prefix));
  }

  /// Marks what this process's descriptors have in common with those of another: the other end of a
  /// pipe.
  ///
  /// @param pid a child
  /// @param number its descriptor
  public static void closeOnExecAsOf(long pid, int number) {
    try {
      Path there = Path.of("/proc/" + pid + "/fd/" + number);
      closeOnExecOf(Files.readSymbolicLink(there).toString());
    } catch (IOException e) {
      // It is dead, and so is the pipe.
    }
  }

  /// Marks what is open of a file.
  ///
  /// @throws IOException where there is no such file
  public static void closeOnExecOf(Path file) throws IOException {
    closeOnExecOf(file.toRealPath().toString());
  }

  private static void closeOnExecOf(String target) {
    mark(number -> isLinkTo(number, target));
  }

  private static boolean isLinkTo(int number, String target) {
    try {
      return Files.readSymbolicLink(OWN.resolve(Integer.toString(number)))
          .toString()
          .equals(target);
    } catch (IOException e) {
      return false; // it was closed meanwhile
    }
  }

  private static void mark(IntPredicate ours) {
    String[] open = OWN.toFile().list();
    if (open == null) {
      return; // there is no descriptor left to look with; the next look finds what this one missed
    }
    for (String each : open) {
      int number = Integer.parseInt(each);
      int flags = Libc.fcntl(number, Libc.F_GETFD, 0);
      if (flags >= 0 && (flags & Libc.FD_CLOEXEC) == 0 && ours.test(number)) {
        Libc.fcntl(number, Libc.F_SETFD, flags | Libc.FD_CLOEXEC);
      }
    }
  }
}
