package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class ResourceLimitsTest {
  private static final ResourceLimits NONE = ResourceLimits.none();

  @Test
  void whatIsNotNamedIsNotLimited() {
    ResourceLimits limits = NONE.withAddressSpace(1L << 30).withProcesses(7);
    assertThat(limits.addressSpace()).isEqualTo(OptionalLong.of(1L << 30));
    assertThat(limits.processes()).hasValue(7);
    assertThat(limits.memory()).isEmpty();
    assertThat(limits.cpus()).isEmpty();
    assertThat(limits.openFiles()).isEmpty();
    assertThat(limits.cpuTime()).isEmpty();
    assertThat(Pool.builder().adapter(Path.of("a.py")).build().limits()).isEqualTo(NONE);
  }

  @Test
  void whatMakesNoSenseIsRefused() {
    assertThatThrownBy(() -> NONE.withMemory(0)).hasMessageContaining("memory must be positive");
    assertThatThrownBy(() -> NONE.withCpus(0.001)).hasMessageContaining("cpus must be at least");
    assertThatThrownBy(() -> NONE.withCpus(Double.NaN)).hasMessageContaining("cpus must be");
    assertThatThrownBy(() -> NONE.withProcesses(-1)).hasMessageContaining("processes must be");
    assertThatThrownBy(() -> NONE.withAddressSpace(0)).hasMessageContaining("addressSpace must be");
    assertThatThrownBy(() -> NONE.withOpenFiles(255))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("limits: openFiles must be at least 256: OptionalInt[255]");
    assertThatThrownBy(() -> NONE.withCpuTime(Duration.ZERO)).hasMessageContaining("cpuTime must");
  }

  @Test
  void whatOnlyACgroupCanHoldNeedsOne() {
    PoolBuilder pool =
        Pool.builder().adapter(Path.of("a.py")).limits(NONE.withMemory(1L << 30).withCpus(1.5));
    assertThatThrownBy(pool::build)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("limits.memory needs isolation(CGROUP)")
        .hasMessageContaining("limits.cpus needs isolation(CGROUP)");
    assertThat(pool.isolation(Isolation.CGROUP).build().limits().memory()).hasValue(1L << 30);
  }
}
