package dev.terrarium.process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The cgroups of a run that is dead, of which only a file says where they are. A file proves
/// nothing: what it names is taken for that run's only if it is what such a tree must be, and is
/// killed as a whole only if each process in it bears the run's birthmark.
public final class DeadTree {
  private static final String TYPE = "cgroup2";

  private final Path path;
  private final Birthmark mark;

  private DeadTree(Path path, Birthmark mark) {
    this.path = path;
    this.mark = mark;
  }

  /// A process in it.
  ///
  /// @param mark empty where it bears none of that run
  public record Member(ProcessIdentity identity, Optional<Birthmark.Mark> mark) {}

  /// All that is in it.
  ///
  /// @param seen those that have a number here
  /// @param unseen how many have none: they are in a PID namespace that is not below this one
  public record Members(List<Member> seen, int unseen) {
    public Members {
      seen = List.copyOf(seen);
    }

    /// Those that are not proved to be that run's.
    public List<ProcessIdentity> unproved() {
      return seen.stream().filter(it -> it.mark().isEmpty()).map(Member::identity).toList();
    }

    /// Whether each of them bears the run's birthmark.
    public boolean proved() {
      return unseen == 0 && unproved().isEmpty();
    }
  }

  /// The tree that a file names. Empty where there is none (any more), and where it cannot be that
  /// run's: it has another name, is reached through a link, or is no cgroup of version 2.
  public static Optional<DeadTree> of(Path named, RunId run, Birthmark mark) {
    return isNamedAfter(named, run) && isCgroup(named)
        ? Optional.of(new DeadTree(named, mark))
        : Optional.empty();
  }

  static boolean isNamedAfter(Path path, RunId run) {
    return path.isAbsolute()
        && path.equals(path.normalize())
        && path.endsWith(Cgroups.NAME_PREFIX + run.value());
  }

  private static boolean isCgroup(Path path) {
    try {
      return path.toRealPath().equals(path)
          && Files.getFileStore(path).type().equals(TYPE)
          && Cgroups.isCgroup(path);
    } catch (IOException e) {
      return false; // it is gone
    }
  }

  public Path path() {
    return path;
  }

  /// Who is in it now, the dead left out.
  public Members members() {
    var seen = new ArrayList<Member>();
    int unseen = 0;
    for (long pid : Cgroups.pids(path)) {
      if (pid == 0) {
        unseen++;
      } else {
        ProcFs.stat(pid).filter(stat -> !stat.dead()).map(this::member).ifPresent(seen::add);
      }
    }
    return new Members(seen, unseen);
  }

  private Member member(ProcStat stat) {
    return new Member(
        ProcessIdentity.of(stat),
        Birthmark.of(stat.pid()).filter(borne -> borne.run() == mark.run()));
  }

  /// Kills all that is in it, whatever it forks meanwhile, and waits until it is dead. Only where
  /// [Members#proved()].
  ///
  /// @return who that was
  public List<ProcessIdentity> kill(ProcessKiller killer, String why) {
    List<ProcessIdentity> killed = killer.killCgroup(path, why);
    Cgroups.awaitEmpty(path);
    return killed;
  }

  /// Removes what is empty of it.
  ///
  /// @return whether nothing is left
  public boolean remove() {
    return Cgroups.remove(path);
  }
}
