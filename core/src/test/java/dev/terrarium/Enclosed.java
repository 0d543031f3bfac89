package dev.terrarium;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// What the tests of pools in PID namespaces share.
final class Enclosed {
  /// For [Victim].
  static final Map<String, String> ENVIRONMENT =
      Map.of(Victim.ISOLATION, Isolation.PID_NAMESPACE.name());

  private static final String[] NAMESPACE = {"--pid", "--fork", "--mount-proc", "true"};

  private Enclosed() {}

  static boolean isRoot() {
    return System.getProperty("user.name").equals("root");
  }

  /// Skips a test on machines that have no PID namespace for this user.
  static void assumeOffered() {
    boolean offered = works(List.of("unshare"), NAMESPACE) || byUserNamespace(List.of());
    assumeThat(offered).as("no PID namespaces for this user").isTrue();
  }

  /// Whether whoever is behind `launcher` has user namespaces.
  static boolean byUserNamespace(List<String> launcher) {
    var command = new ArrayList<>(launcher);
    command.addAll(List.of("unshare", "--user", "--map-root-user"));
    return works(command, NAMESPACE);
  }

  private static boolean works(List<String> launcher, String... command) {
    var all = new ArrayList<>(launcher);
    all.addAll(List.of(command));
    try (Child child = Child.start(all)) {
      return child.awaitExit() == 0;
    }
  }

  static PoolBuilder pool(Terrarium runtime) {
    return Endings.pool(runtime).isolation(Isolation.PID_NAMESPACE);
  }

  /// The warden that all other pools share.
  static Proc warden(long host) {
    return childOf(host, command -> !command.contains("--pool"));
  }

  /// The process that holds a pool's namespace.
  static Proc holder(long host, String pool) {
    return childOf(host, command -> command.endsWith("--pool " + pool));
  }

  /// The first process of a namespace, which is the pool's warden.
  static Proc first(Proc holder) {
    return childOf(holder.pid(), _ -> true);
  }

  private static Proc childOf(long parent, Predicate<String> command) {
    return Endings.soon()
        .until(
            () ->
                Procs.marked().stream()
                    .filter(proc -> proc.parent() == parent)
                    .filter(proc -> command.test(Procs.command(proc.pid())))
                    .toList(),
            found -> found.size() == 1)
        .getFirst();
  }
}
