package dev.terrarium.worker;

import dev.terrarium.PoolConfig;
import dev.terrarium.Start;
import dev.terrarium.ValueException;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.ProcessName.Role;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.ValueCodec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How the processes of a pool are to look. What the adapter's file holds is read once: whoever
/// comes to be later, in place of one that died, runs the same code.
public final class SpawnOrders {
  /// A larger adapter is not pinned: it would travel to each process.
  static final int SOURCE_BYTES_MAX = 1 << 20;

  /// Native libraries read these when they are loaded and then start threads, which cannot be
  /// forked; and a hundred workers with a thread for each processor would only be in each other's
  /// way.
  private static final List<String> THREAD_LIMITS =
      List.of(
          "OMP_NUM_THREADS",
          "OPENBLAS_NUM_THREADS",
          "MKL_NUM_THREADS",
          "BLIS_NUM_THREADS",
          "NUMEXPR_NUM_THREADS",
          "VECLIB_MAXIMUM_THREADS");

  private final PoolConfig config;
  private final Facilities facilities;
  private final Map<String, String> environment;
  private final Bounds bounds;
  private final @Nullable String source;
  private final Map<String, ? extends @Nullable Object> options;

  /// @throws ValueException if an option has no form in JSON
  public SpawnOrders(PoolConfig config, Facilities facilities, ValueCodec codec) {
    this.config = config;
    this.facilities = facilities;
    this.environment = environment(config);
    this.bounds = new Bounds(config, facilities.cgroups());
    this.source = source(config.adapter());
    this.options = codec.plainOptions(config.options());
  }

  private static Map<String, String> environment(PoolConfig config) {
    Map<String, String> environment = new HashMap<>(config.environment());
    if (config.start() == Start.ZYGOTE) {
      THREAD_LIMITS.stream()
          .filter(limit -> System.getenv(limit) == null)
          .filter(limit -> !config.withoutEnvironment().contains(limit))
          .forEach(limit -> environment.putIfAbsent(limit, "1"));
    }
    return Map.copyOf(environment);
  }

  // Null where it cannot be read: Python says what is wrong with it.
  private static @Nullable String source(Path adapter) {
    Path file = Files.isDirectory(adapter) ? adapter.resolve("__init__.py") : adapter;
    try {
      return Files.isRegularFile(file) && Files.size(file) <= SOURCE_BYTES_MAX
          ? HexFormat.of().formatHex(Files.readAllBytes(file))
          : null;
    } catch (IOException e) {
      return null;
    }
  }

  Messages.Spawn byExec(ProcessName name, String token) {
    return order(name, Start.EXEC, null, spec(name, token, source, null, null, null));
  }

  /// The adapter is in the zygote already, unless the pool does not preload it.
  Messages.Spawn byZygote(ProcessName name, String token, long zygote) {
    return order(
        name,
        Start.ZYGOTE,
        zygote,
        spec(name, token, config.preload() ? null : source, null, null, null));
  }

  Messages.Spawn zygote(ProcessName name) {
    @Nullable Boolean bounded = bounds.any() ? true : null;
    List<String> harmless = config.harmlessThreads().stream().sorted().toList();
    return order(
        name, Start.EXEC, null, spec(name, "", source, config.preload(), bounded, harmless));
  }

  private Messages.Spawn order(
      ProcessName name, Start via, @Nullable Long zygote, Messages.Spec spec) {
    boolean limited = name.role() == Role.WORKER;
    return new Messages.Spawn(
        name,
        via,
        zygote,
        command(name),
        environment,
        List.copyOf(config.withoutEnvironment()),
        config.workingDirectory().map(path -> path.toAbsolutePath().toString()).orElse(null),
        limited ? bounds.cgroup() : bounds.cgroupOfZygote(),
        limited ? bounds.limits() : null,
        spec);
  }

  // The run id stands there for people; nothing is ever killed for bearing it.
  private List<String> command(ProcessName name) {
    return List.of(
        facilities.executable(),
        facilities.script(),
        "--snakepit-run-id",
        facilities.run(),
        "--worker",
        name.toString());
  }

  private Messages.Spec spec(
      ProcessName name,
      String token,
      @Nullable String pinned,
      @Nullable Boolean preload,
      @Nullable Boolean bounded,
      @Nullable List<String> harmless) {
    return new Messages.Spec(
        List.of(Messages.PROTOCOL),
        new Messages.Token(token),
        facilities.socket(),
        facilities.run(),
        name,
        facilities.memory().available() ? ProcessHandle.current().pid() : null,
        config.adapter().toString(),
        pinned,
        preload,
        bounded,
        facilities.log().levelOf(config.name()),
        harmless,
        options);
  }
}
