package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import dev.terrarium.event.TerrariumEvent;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;

/// Values of the workers' environment, and of options, are handed on and never told: not in logs of
/// any level, not in what errors say, not on disk.
@Timeout(90)
final class SecretsTest {
  private static final String SECRET = "s3cr3t-of-the-environment";
  private static final String OPTION = "s3cr3t-of-the-options";

  private static final String ADAPTER =
      """
      import os
      from terrarium import on_start, tool

      FAIL = False
      READ = {}

      @on_start
      def load(options):
          READ.update(options)
          if FAIL:
              raise ValueError("on purpose")

      @tool
      def read():
          return [os.environ["SECRET"], READ["password"]]

      @tool
      def sleeps(started: str):
          import time
          open(started, "w").close()
          time.sleep(1000)
      """;

  @TempDir private Path home;
  @TempDir private Path files;
  private final Queue<String> logged = new ConcurrentLinkedQueue<>();
  private final Logger root = (Logger) LoggerFactory.getLogger("dev.terrarium");
  private final Keeper keeper = new Keeper();

  private final class Keeper extends AppenderBase<ILoggingEvent> {
    @Override
    protected void append(ILoggingEvent event) {
      logged.add(
          event.getFormattedMessage() + ThrowableProxyUtil.asString(event.getThrowableProxy()));
    }
  }

  @BeforeEach
  void keepAllLines() {
    keeper.setContext(root.getLoggerContext());
    keeper.start();
    root.setLevel(Level.TRACE);
    root.setAdditive(false);
    root.addAppender(keeper);
  }

  @AfterEach
  void keepNoMore() {
    root.detachAppender(keeper);
    root.setLevel(null);
    root.setAdditive(true);
  }

  private PoolBuilder pool(Terrarium runtime, String source) {
    return Trouble.pool(files, source)
        .runtime(runtime)
        .environment("SECRET", SECRET)
        .options(Map.of("password", OPTION));
  }

  @Test
  void aPoolIsDescribedByNamesAlone() {
    PoolConfig config =
        Pool.builder()
            .adapter(Path.of("a.py"))
            .environment("SECRET", SECRET)
            .environment("A", "")
            .options(Map.of("password", OPTION))
            .build();
    assertThat(config.toString())
        .startsWith("PoolConfig[name=a, adapter=/")
        .contains("environment=[A, SECRET]", "options=[password]", "maxWait=PT30S")
        .doesNotContain("s3cr3t");
    assertThat(config.environment()).containsEntry("SECRET", SECRET);
    for (var component : PoolConfig.class.getRecordComponents()) {
      assertThat(config.toString()).contains(component.getName() + "=");
    }
  }

  @ParameterizedTest
  @EnumSource
  void noValueIsToldWhateverBecomesOfAPool(Start start) throws IOException {
    Queue<Object> said = new ConcurrentLinkedQueue<>(); // events come on another thread
    List<String> onDisk;
    try (Terrarium runtime = Endings.runtime(home)) {
      var _ = runtime.onEvent(TerrariumEvent.class, said::add);
      try (Pool pool = pool(runtime, ADAPTER).start(start).start()) {
        assertThat(pool.tool("read").call(new TypeRef<List<String>>() {}))
            .as("they are handed on")
            .containsExactly(SECRET, OPTION);
        Path started = files.resolve("started");
        var call = pool.tool("sleeps").args(started.toString()).callAsync(Object.class);
        Endings.awaitFile(started);
        Signals.kill(Endings.proc(Endings.pids(pool).getFirst()));
        said.add(failure(WorkerDiedException.class, call));
        said.add(pool.config());
        said.add(pool.stats());
        said.add(runtime.listAllWorkers());
        onDisk = onDisk();
      }
      PoolBuilder failing = pool(runtime, ADAPTER.replace("FAIL = False", "FAIL = True"));
      said.add(failure(StartFailedException.class, failing.name("failing").start(start)::start));
      PoolBuilder impossible = pool(runtime, ADAPTER).name("impossible").start(start);
      said.add(
          failure(
              StartFailedException.class,
              impossible.workingDirectory(files.resolve("nowhere"))::start));
      said.add(
          failure(
              StartFailedException.class,
              pool(runtime, ADAPTER).name("null").environment("NULL", "\0" + SECRET)::start));
    }
    onDisk.addAll(onDisk());
    assertThat(onDisk).isEmpty();
    assertThat(said).noneMatch(it -> text(it).contains("s3cr3t"));
    assertThat(logged).as("all levels are kept").isNotEmpty();
    assertThat(logged).noneMatch(it -> it.contains("s3cr3t"));
  }

  private static String text(Object said) {
    return said instanceof Throwable error
        ? ThrowableProxyUtil.asString(new ThrowableProxy(error))
        : said.toString();
  }

  /// The files of the state directory that have one in them.
  private List<String> onDisk() throws IOException {
    try (Stream<Path> all = Files.walk(home)) {
      return new ArrayList<>(
          all.filter(Files::isRegularFile)
              .filter(SecretsTest::hasOne)
              .map(Path::toString)
              .toList());
    }
  }

  private static boolean hasOne(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1).contains("s3cr3t");
    } catch (IOException e) {
      return false; // removed meanwhile
    }
  }
}
