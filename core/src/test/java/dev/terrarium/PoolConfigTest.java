package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PoolConfigTest {
  @Test
  void aBadConfigurationNamesAllItsProblemsAtOnce() {
    PoolBuilder bad =
        Pool.builder()
            .adapter(Path.of("a.py"))
            .name("not a name")
            .python(" ")
            .harmlessThreads("*")
            .size(0)
            .concurrency(20_000)
            .startParallelism(-1)
            .maxWaiting(-1)
            .maxWait(Duration.ZERO)
            .deadline(Duration.ofSeconds(-1))
            .startTimeout(Duration.ZERO)
            .cancelGrace(Duration.ZERO)
            .grace(Duration.ZERO);
    assertThat(failure(IllegalArgumentException.class, bad::start))
        .hasMessageStartingWith("pool 'not a name': name must be")
        .hasMessageContainingAll(
            "size must be 1 to 10000: 0",
            "concurrency must be 1 to 10000: 20000",
            "startParallelism must be 0 to 10000: -1",
            "maxWaiting must not be negative: -1",
            "python is empty",
            "harmlessThreads are names of threads, not '' or '*'",
            "maxWait must be positive",
            "deadline must be positive: PT-1S",
            "startTimeout must be positive",
            "cancelGrace must be positive",
            "grace must be positive");
  }

  @Test
  void withoutAnAdapterItSaysHowToNameOne() {
    assertThat(failure(IllegalArgumentException.class, () -> Pool.builder().build()))
        .hasMessageContaining("Pool.builder().adapter(Path.of(\"tools.py\"))");
  }

  @ParameterizedTest
  @CsvSource({"textstats.py,textstats", "my tools.py,my-tools", "_private.py,private", "___,pool"})
  void theNameIsTheAdaptersWithoutItsEnding(String file, String name) {
    assertThat(Pool.builder().adapter(Path.of(file)).build().name()).isEqualTo(name);
  }

  @Test
  void whatTheBuilderGaveIsCopied() {
    PoolBuilder builder = Pool.builder().adapter(Path.of("a.py")).environment("A", "1");
    PoolConfig config = builder.build();
    builder.environment("A", "2").withoutEnvironment("A");
    assertThat(config.environment()).isEqualTo(Map.of("A", "1"));
    assertThat(config.adapter()).isAbsolute();
  }

  @Test
  void aBadRuntimeNamesAllItsProblemsAtOnce() {
    assertThat(
            failure(
                IllegalArgumentException.class,
                () ->
                    new Config(
                        Optional.empty(),
                        "",
                        Duration.ZERO,
                        0,
                        Ledger.REQUIRED,
                        CleanupPolicy.defaults(),
                        Duration.ofDays(1_000),
                        ExitHook.atOnce())))
        .hasMessageContainingAll(
            "closeTimeout", "logQueueLines", "python is empty", "auditInterval");
  }

  @Test
  void aGraceThatIsNegativeIsRefused() {
    CleanupPolicy policy = CleanupPolicy.defaults();
    assertThat(
            failure(IllegalArgumentException.class, () -> policy.withGrace(Duration.ofSeconds(-1))))
        .hasMessageContaining("grace must not be negative");
  }
}
