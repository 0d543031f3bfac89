package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.PoolStats.WorkerInfo;
import java.time.Duration;
import java.util.Collections;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class AnnouncementTest {
  @ParameterizedTest
  @CsvSource({"1, 1 worker in", "2, 2 workers in", "1000, '1,000 workers in'"})
  void countsInTheSingularAndThePlural(int size, String said) {
    var worker = new WorkerInfo("a-1", 7, Duration.ZERO, 0);
    var ready = new Announcement("r0000aa", 5, "a", Collections.nCopies(size, worker), 100);
    assertThat(ready.text())
        .isEqualTo("pool 'a' is ready: %s 0.1 s (run r0000aa, pid 5); Ctrl-C ends it", said);
  }
}
