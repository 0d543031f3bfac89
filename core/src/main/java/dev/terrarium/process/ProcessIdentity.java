package dev.terrarium.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Which process is meant. A pid alone names whatever process has that number at the moment.
///
/// Ticks last 10 ms, so a number that is freed and given out again within one tick makes two equal
/// identities. Whoever signals should therefore ask for the [Birthmark] as well wherever there is
/// one.
///
/// @param bootId the machine's boot, from `/proc/sys/kernel/random/boot_id`
/// @param startTicks when it started, in clock ticks since boot
public record ProcessIdentity(String bootId, long pid, long startTicks) {

  /// Whoever has this number now, a zombie included.
  public static Optional<ProcessIdentity> of(long pid) {
    return ProcFs.stat(pid).map(ProcessIdentity::of);
  }

  /// The process that this was read of.
  public static ProcessIdentity of(ProcStat stat) {
    return new ProcessIdentity(currentBoot(), stat.pid(), stat.startTicks());
  }

  /// This JVM.
  public static ProcessIdentity self() {
    return Self.IDENTITY;
  }

  /// The boot that the machine is in.
  public static String currentBoot() {
    return Boot.ID;
  }

  /// True while this very process runs code. A zombie is dead.
  public boolean alive() {
    return stat().filter(stat -> !stat.dead()).isPresent();
  }

  /// What the kernel says of this very process; empty where it is gone, or its number is another's.
  Optional<ProcStat> stat() {
    return bootId.equals(currentBoot())
        ? ProcFs.stat(pid).filter(stat -> stat.startTicks() == startTicks)
        : Optional.empty();
  }

  /// As [#stat], for a proof.
  ///
  /// @throws UncheckedIOException where it cannot be looked at
  public Optional<ProcStat> certainStat() {
    return bootId.equals(currentBoot())
        ? ProcFs.certainStat(pid).filter(stat -> stat.startTicks() == startTicks)
        : Optional.empty();
  }

  @Override
  public String toString() {
    return "pid %d (started at tick %d)".formatted(pid, startTicks);
  }

  private static final class Boot {
    static final String ID = read();

    private static String read() {
      try {
        return Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
      } catch (IOException e) {
        throw new UncheckedIOException("the machine's boot id cannot be read", e);
      }
    }
  }

  private static final class Self {
    static final ProcessIdentity IDENTITY =
        of(ProcFs.ownPid())
            .orElseThrow(
                () ->
                    new IllegalStateException("/proc does not show this process; is it mounted?"));
  }
}
