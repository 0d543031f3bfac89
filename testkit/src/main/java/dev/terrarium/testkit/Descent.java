package dev.terrarium.testkit;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.terrarium.testkit.Procs.Proc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Who descends from this JVM, whatever he did to get away: sessions, double forks, an empty
/// environment, a parent that is dead.
///
/// This JVM gives itself a random number in a limit that every child inherits and nobody looks at:
/// `RLIMIT_LOCKS`, which Linux has not enforced since 2.4. So the processes of another build, or of
/// another Terrarium, are never taken for ours, and one of ours is found even if it sheds its
/// birthmark or never had one. The library knows nothing of this limit.
final class Descent {
  private static final int RLIMIT_LOCKS = 10;
  private static final String SHOWN_AS = "Max file locks";
  private static final long MIN = 1L << 60;
  private static final long END = 1L << 61;
  private static final long SELF = ProcessHandle.current().pid();

  private static final MethodHandle SETRLIMIT =
      ChildHandle.handle("setrlimit", JAVA_INT, JAVA_INT, ValueLayout.ADDRESS);

  private static final long NUMBER = mark();

  private Descent() {}

  /// Marks this JVM, unless it has been. What was started before is not found.
  static void begin() {
    if (!isOurs(SELF)) {
      throw new IllegalStateException("the limit of file locks does not stay as it was set");
    }
  }

  /// Living processes that descend from this JVM, without itself.
  static List<Proc> processes() {
    return Stream.concat(
            Procs.descendants(SELF).stream(),
            Procs.all().stream().filter(it -> it.alive() && it.pid() != SELF && isOurs(it.pid())))
        .distinct()
        .toList();
  }

  private static boolean isOurs(long pid) {
    return number(pid).filter(it -> it == NUMBER).isPresent();
  }

  private static Optional<Long> number(long pid) {
    return Procs.read(pid, "limits").stream()
        .flatMap(raw -> new String(raw, ISO_8859_1).lines())
        .filter(line -> line.startsWith(SHOWN_AS))
        .map(line -> line.split("\\s{2,}", -1)[2])
        .filter(hard -> hard.matches("\\d{19}"))
        .map(Long::parseLong)
        .filter(hard -> hard >= MIN && hard < END)
        .findFirst();
  }

  /// Below another JVM of the tests its number stays, so that it goes on seeing us.
  private static long mark() {
    return number(SELF).orElseGet(Descent::draw);
  }

  private static long draw() {
    long number = new SecureRandom().nextLong(MIN, END);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment limits = arena.allocateFrom(JAVA_LONG, number, number);
      if ((int) SETRLIMIT.invokeExact(RLIMIT_LOCKS, limits) != 0) {
        throw new IllegalStateException(
            "the tests need a limit of file locks (ulimit -x) that is not set yet");
      }
      return number;
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
