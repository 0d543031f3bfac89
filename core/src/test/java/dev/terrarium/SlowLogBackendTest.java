package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LogbackServiceProvider;
import dev.terrarium.testkit.Jvm;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/// slf4j looks for its backend when the first line is to be said, and gives stand-ins to all other
/// threads meanwhile. The first was our log's thread: a program that had just started a pool, and
/// cast its loggers to the backend's, died of a `ClassCastException` on a busy machine.
@Timeout(60)
final class SlowLogBackendTest {
  @TempDir Path home;

  /// Takes longer than the start of a runtime.
  public static final class SlowProvider extends LogbackServiceProvider {
    @Override
    public void initialize() {
      LockSupport.parkNanos(Duration.ofSeconds(2).toNanos());
      super.initialize();
    }
  }

  static final class Host {
    public static void main(String[] arguments) {
      try (var _ = Terrarium.start(Config.defaults().withHome(Path.of(arguments[0])))) {
        System.out.println("backend " + LoggerFactory.getILoggerFactory().getClass().getName());
      }
    }
  }

  @Test
  void isThereWhenTheFirstRuntimeIs() {
    List<String> options = List.of("-Dslf4j.provider=" + SlowProvider.class.getName());
    try (Jvm host = Jvm.start(Host.class, Map.of(), options, home.toString())) {
      assertThat(host.awaitLine("backend ")).isEqualTo(LoggerContext.class.getName());
      assertThat(host.awaitExit()).isZero();
    }
  }
}
