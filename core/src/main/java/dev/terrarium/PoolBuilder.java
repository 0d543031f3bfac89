package dev.terrarium;

import static java.util.Objects.requireNonNull;

import dev.terrarium.warden.ClassPathAdapter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// Describes a pool and starts it. Not for several threads at once; may be used for several pools.
public final class PoolBuilder {
  private @Nullable Terrarium runtime;
  private @Nullable String name;
  private @Nullable Path adapter;
  private @Nullable Class<?> adapterOwner;
  private String adapterName = "";
  private String python = Config.defaultPython();
  private Start start = Start.ZYGOTE;
  private boolean preload = true;
  private final Set<String> harmlessThreads = new TreeSet<>(PoolConfig.HARMLESS_THREADS);
  private int size = Runtime.getRuntime().availableProcessors();
  private int concurrency = 1;
  private int maxWaiting = 1_000;
  private Duration maxWait = Duration.ofSeconds(30);
  private Duration deadline = Duration.ofSeconds(60);
  private Duration startTimeout = Duration.ofSeconds(30);
  private int startParallelism;
  private Duration cancelGrace = Duration.ofSeconds(1);
  private Duration grace = Duration.ofSeconds(2);
  private Duration stuckAfter = Duration.ZERO;
  private final Map<String, String> environment = new HashMap<>();
  private final Set<String> withoutEnvironment = new TreeSet<>();
  private @Nullable Path workingDirectory;
  private Set<Isolation> isolation = Set.of();
  private ResourceLimits limits = ResourceLimits.none();
  private Map<String, Object> options = Map.of();
  private @Nullable JsonMapper mapper;

  PoolBuilder() {}

  /// The adapter: a Python file, or a package directory. Its folder comes first on the worker's
  /// `sys.path`.
  public PoolBuilder adapter(Path adapter) {
    this.adapter = requireNonNull(adapter, "adapter");
    this.adapterOwner = null;
    return this;
  }

  /// The adapter on the class path: a Python file, or a package's folder, in the same jar (also one
  /// within a jar) or folder as a class of yours. Looked for from that class's package, then from
  /// the root; a name that begins with a slash from the root only. It is unpacked into the state
  /// directory when the pool is started, together with what lies in its folder and below; of the
  /// class path's root only the adapter itself.
  ///
  /// @param owner such as `MyApp.class`
  /// @param name such as `python/iris.py`
  public PoolBuilder adapter(Class<?> owner, String name) {
    this.adapterOwner = requireNonNull(owner, "owner");
    this.adapterName = requireNonNull(name, "name");
    this.adapter = null;
    return this;
  }

  /// The runtime that the pool belongs to and ends with. Default: the JVM's shared one, which the
  /// first pool starts and the last one ends.
  public PoolBuilder runtime(Terrarium runtime) {
    this.runtime = requireNonNull(runtime, "runtime");
    return this;
  }

  /// For messages, logs and worker ids (`NAME-1`). Default: the adapter's name without its ending.
  public PoolBuilder name(String name) {
    this.name = requireNonNull(name, "name");
    return this;
  }

  /// The workers' interpreter, a command or a path (of a virtual environment, say). Default:
  /// `TERRARIUM_PYTHON`, else `python3`.
  public PoolBuilder python(String python) {
    this.python = requireNonNull(python, "python");
    return this;
  }

  /// How workers come to be. Default: [Start#ZYGOTE].
  public PoolBuilder start(Start start) {
    this.start = requireNonNull(start, "start");
    return this;
  }

  /// Whether the zygote imports the adapter, so that its workers need not. Without it each worker
  /// imports it for itself, after the fork. Default: true.
  public PoolBuilder preload(boolean preload) {
    this.preload = preload;
    return this;
  }

  /// Names threads that the import may leave, and that do no harm in a process that is forked: none
  /// that holds a lock which the workers need. A name is the one that the pool's warning says, as
  /// Python or (15 bytes of it) the kernel knows it; one that ends in `*` stands for all that begin
  /// so. In addition to [PoolConfig#HARMLESS_THREADS]. Default: no others.
  public PoolBuilder harmlessThreads(String... names) {
    harmlessThreads.addAll(List.of(all(names, "names")));
    return this;
  }

  /// How many workers. Default: the number of processors.
  public PoolBuilder size(int size) {
    this.size = size;
    return this;
  }

  /// How many calls one worker may have in flight. Default: 1. Plain tools still run one after the
  /// other; more than 1 is for `async` tools.
  public PoolBuilder concurrency(int concurrency) {
    this.concurrency = concurrency;
    return this;
  }

  /// How many calls may wait for a worker before further ones are rejected. Default: 1,000.
  public PoolBuilder maxWaiting(int maxWaiting) {
    this.maxWaiting = maxWaiting;
    return this;
  }

  /// How long a call may wait for a worker. Default: 30 s.
  public PoolBuilder maxWait(Duration maxWait) {
    this.maxWait = requireNonNull(maxWait, "maxWait");
    return this;
  }

  /// The deadline of calls that name none, waiting included. Default: 60 s.
  public PoolBuilder deadline(Duration deadline) {
    this.deadline = requireNonNull(deadline, "deadline");
    return this;
  }

  /// How long a worker may take from its start until it is ready, imports included. Default: 30 s.
  public PoolBuilder startTimeout(Duration startTimeout) {
    this.startTimeout = requireNonNull(startTimeout, "startTimeout");
    return this;
  }

  /// How many workers start at the same time. Default, 0: 64 where a zygote forks them, else twice
  /// the processors, at least 4.
  public PoolBuilder startParallelism(int startParallelism) {
    this.startParallelism = startParallelism;
    return this;
  }

  /// How long a cancelled call may take to end before its worker is replaced. Default: 1 s.
  public PoolBuilder cancelGrace(Duration cancelGrace) {
    this.cancelGrace = requireNonNull(cancelGrace, "cancelGrace");
    return this;
  }

  /// How long each step of stopping a worker may take: first asked politely, then SIGTERM, then
  /// SIGKILL. Default: 2 s.
  public PoolBuilder grace(Duration grace) {
    this.grace = requireNonNull(grace, "grace");
    return this;
  }

  /// How long a worker that has calls may send nothing, neither a result nor a log record, before
  /// it is killed and replaced. Looked at every [Config#auditInterval()]. Default, zero: for ever;
  /// a call's deadline ends what hangs.
  public PoolBuilder stuckAfter(Duration stuckAfter) {
    this.stuckAfter = requireNonNull(stuckAfter, "stuckAfter");
    return this;
  }

  /// Sets a variable of the workers' environment, which is otherwise the JVM's.
  public PoolBuilder environment(String variable, String value) {
    requireNonNull(variable, "variable");
    requireNonNull(value, "value");
    environment.put(variable, value);
    withoutEnvironment.remove(variable);
    return this;
  }

  /// Takes variables away from the workers' environment.
  public PoolBuilder withoutEnvironment(String... variables) {
    for (String variable : all(variables, "variables")) {
      environment.remove(variable);
      withoutEnvironment.add(variable);
    }
    return this;
  }

  /// The workers' working directory. Default: the JVM's.
  public PoolBuilder workingDirectory(Path directory) {
    this.workingDirectory = requireNonNull(directory, "directory");
    return this;
  }

  /// What is to hold the pool's processes together beside what always does. Default: nothing.
  public PoolBuilder isolation(Isolation... isolation) {
    this.isolation = Set.of(all(isolation, "isolation"));
    return this;
  }

  /// What each worker is held to: memory, processes, processor time and the like. Default: nothing.
  public PoolBuilder limits(ResourceLimits limits) {
    this.limits = requireNonNull(limits, "limits");
    return this;
  }

  /// What `@on_start` functions with a parameter get: anything that a call could have as an
  /// argument, but bytes; what is not, `start()` refuses with a [ValueException]. Default: nothing.
  public PoolBuilder options(Map<String, Object> options) {
    this.options = requireNonNull(options, "options");
    return this;
  }

  /// How objects become dicts, and results objects: a mapper with your modules (Kotlin's, say),
  /// mix-ins, naming strategy, and serializers of your own. What the guide says of values of other
  /// types holds all the same, so strictness, dates as ISO text, and enums by their names are laid
  /// on top of a copy of it; its stream factory is not used. Default: none, records and beans as
  /// they are.
  public PoolBuilder mapper(JsonMapper mapper) {
    this.mapper = requireNonNull(mapper, "mapper");
    return this;
  }

  /// Checks everything and returns it. An adapter on the class path is unpacked for that.
  ///
  /// @throws IllegalArgumentException naming all problems at once
  /// @throws StartFailedException where there is no such adapter on the class path, or no room for
  ///   it
  public PoolConfig build() {
    Path file = file();
    return new PoolConfig(
        name == null ? nameOf(file) : name,
        file,
        python,
        start,
        preload,
        harmlessThreads,
        size,
        concurrency,
        maxWaiting,
        maxWait,
        deadline,
        startTimeout,
        startParallelism,
        cancelGrace,
        grace,
        stuckAfter,
        environment,
        withoutEnvironment,
        Optional.ofNullable(workingDirectory),
        isolation,
        limits,
        options,
        Optional.ofNullable(mapper));
  }

  private static <T> T[] all(T[] values, String parameter) {
    for (T value : requireNonNull(values, parameter)) {
      requireNonNull(value, parameter);
    }
    return values;
  }

  private Path file() {
    if (adapterOwner != null) {
      Path state = runtime == null ? RuntimeParts.defaultState() : runtime.stateDirectory();
      return ClassPathAdapter.unpack(adapterOwner, adapterName, state);
    }
    return adapter == null ? Path.of("") : adapter.toAbsolutePath().normalize();
  }

  private static String nameOf(Path adapter) {
    Path last = adapter.getFileName();
    String stem = last == null ? "" : last.toString().replaceFirst("\\.py$", "");
    String plain = stem.replaceAll("[^A-Za-z0-9_.-]", "-").replaceFirst("^[^A-Za-z0-9]+", "");
    return plain.isEmpty() ? "pool" : plain.substring(0, Math.min(64, plain.length()));
  }

  /// Starts the pool and returns when all its workers are ready.
  ///
  /// @throws StartFailedException saying what was missing; nothing is left running
  /// @throws IllegalArgumentException naming all problems of the configuration at once
  public Pool start() {
    PoolConfig config = build();
    return runtime == null ? Terrarium.startShared(config) : runtime.start(config);
  }
}
