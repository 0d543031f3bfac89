package dev.terrarium.orphan;

import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.StateDirectory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/// Processes of other installations: they bear the mark of a run that has no directory in this
/// state directory, and somebody else looks after them. Not for several threads.
final class Elsewhere {
  /// A warden's standard error is `RUN/warden.log`, or `RUN/warden-POOL.log`.
  private static final int STDERR = 2;

  private static final int NAMES_BELOW_HOME = 3;

  private record Found(ProcStat stat, Birthmark.Mark mark) {}

  private final Evidence evidence = new Evidence();
  private final List<Found> found = new ArrayList<>();
  private final Map<Long, Path> homes = new HashMap<>();

  /// Whether somebody looks after a process whose mark nobody knows here: its host, which lives, or
  /// another user.
  boolean isOf(ProcStat stat, Birthmark.Mark mark) {
    return evidence.hostLives(new Birthmark(mark.run())) || isAnotherUsers(stat.pid());
  }

  private static boolean isAnotherUsers(long pid) {
    OptionalLong uid = ProcFs.uid(pid);
    return uid.isPresent() && uid.getAsLong() != ProcFs.ownUid();
  }

  void add(ProcStat stat, Birthmark.Mark mark) {
    found.add(new Found(stat, mark));
    if (mark.isWarden()) {
      home(stat.pid()).ifPresent(home -> homes.put(mark.run(), home));
    }
  }

  private static Optional<Path> home(long warden) {
    return ProcFs.openFile(warden, STDERR)
        .filter(log -> log.getFileName().toString().matches("warden.*\\.log"))
        .filter(log -> log.getNameCount() > NAMES_BELOW_HOME)
        .map(log -> StateDirectory.of(log.resolve("..")).path());
  }

  List<Overview.Other> all() {
    return found.stream().map(this::other).toList();
  }

  private Overview.Other other(Found it) {
    Optional<Path> home = Optional.ofNullable(homes.get(it.mark().run()));
    ProcStat stat = it.stat();
    var process =
        new Suspect(
            ProcessIdentity.of(stat),
            Optional.of(new Birthmark(it.mark().run())),
            ProcFs.commandLine(stat.pid()),
            "bears birthmark %d, of %s".formatted(it.mark().run(), whose(stat.pid(), home)));
    return new Overview.Other(process, home);
  }

  private static String whose(long pid, Optional<Path> home) {
    return isAnotherUsers(pid)
        ? "no run in this state directory, and is another user's"
        : home.map("a run in %s, whose host lives"::formatted)
            .orElse("no run in this state directory, and its host lives");
  }
}
