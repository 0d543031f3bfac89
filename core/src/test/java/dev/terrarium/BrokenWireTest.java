package dev.terrarium;

import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.pid;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Procs;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// User code breaks the connection, or what travels on it.
@Timeout(90)
final class BrokenWireTest {
  private static final int RESULT = 3;

  static byte[] frame(int length, int type, int flags, int attachments, String rest) {
    byte[] body = rest.getBytes(US_ASCII);
    return ByteBuffer.allocate(16 + body.length)
        .putInt(length)
        .put((byte) type)
        .put((byte) flags)
        .putShort((short) attachments)
        .putLong(77)
        .put(body)
        .array();
  }

  private static byte[] garbage() {
    byte[] bytes = new byte[10_000];
    Arrays.fill(bytes, (byte) 0xEE);
    return bytes;
  }

  static Stream<Arguments> broken() {
    return Stream.of(
        Arguments.of(frame(1 << 31, RESULT, 0, 0, ""), "length 2147483648, the limit is"),
        Arguments.of(frame(0, 99, 0, 0, ""), "99"),
        Arguments.of(frame(2, 2, 0, 0, "{}"), "CALL"),
        Arguments.of(frame(2, 65, 0, 0, "{}"), "SPAWN"),
        Arguments.of(frame(2, 1, 0, 0, "{}"), "HELLO"),
        Arguments.of(frame(0, RESULT, 1, 0, ""), "flags 1"),
        Arguments.of(frame(3, RESULT, 0, 1, "abc"), "no room for a table of 1"),
        Arguments.of(frame(5, 4, 0, 0, "what?"), "ERROR"),
        Arguments.of(garbage(), "238"));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("broken")
  void aWorkerThatBreaksTheProtocolIsReplacedWithTheReason(byte[] bytes, String reason) {
    try (Pool pool = Trouble.pool().start()) {
      var call = pool.tool("write_to_connection").args(bytes);
      assertNamed(failure(WorkerDiedException.class, () -> call.call(Object.class)), reason);
      awaitWhole(pool);
      assertThat(pool.stats().restarts()).isEqualTo(1);
    }
  }

  private static void assertNamed(WorkerDiedException error, String reason) {
    assertThat(error).hasMessageContaining("protocol error: ").hasMessageContaining(reason);
    // It is killed, unless it noticed the end of its connection before.
    assertThat(error.exit()).isIn(new Exit.Signal(9), new Exit.Status(0));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          7  | ended in the header: 7 of 16 bytes
          16 | ended in the envelope of a RESULT frame of 1000 bytes: 0 of 1000 bytes
          19 | ended in the envelope of a RESULT frame of 1000 bytes: 3 of 1000 bytes
          """)
  void aFrameThatIsCutIsNamedWhereItWasCut(int size, String reason) {
    byte[] bytes = Arrays.copyOf(frame(1000, RESULT, 0, 0, "abc"), size);
    try (Pool pool = Trouble.pool().start()) {
      var call = pool.tool("write_to_connection").args(bytes, true);
      assertNamed(failure(WorkerDiedException.class, () -> call.call(Object.class)), reason);
      awaitWhole(pool);
    }
  }

  @Test
  void otherCallsOnThatWorkerHearTheSameReasonAndOtherWorkersGoOn() {
    try (Pool pool = Trouble.pool().size(2).concurrency(2).start()) {
      var naps =
          Stream.of(1, 2).map(_ -> pool.tool("nap").args(3).callAsync(String.class)).toList();
      var call = pool.tool("write_to_connection").args(garbage());
      assertNamed(failure(WorkerDiedException.class, () -> call.call(Object.class)), "238");
      // The least loaded worker has one of them: one nap dies with it, the other goes on.
      long died =
          naps.stream()
              .filter(nap -> nap.handle((_, error) -> error != null).join())
              .peek(nap -> assertNamed(failure(WorkerDiedException.class, nap), "238"))
              .count();
      assertThat(died).isEqualTo(1);
      awaitWhole(pool);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"{", "", "[1] [2]", "{\"$bytes\":0}", "\"\\ud800"})
  void aResultThatIsNoValueIsAProtocolErrorToo(String envelope) {
    try (Pool pool = Trouble.pool().start()) {
      long worker = pid(pool);
      var call = pool.tool("forge_result").args(envelope.getBytes(US_ASCII));
      WorkerDiedException error = failure(WorkerDiedException.class, () -> call.call(Object.class));
      assertThat(error).hasMessageContaining("protocol error: ");
      assertThat(error.worker()).isEqualTo("trouble-1");
      Procs.awaitGone(worker, Trouble.PATIENCE);
      awaitWhole(pool);
    }
  }

  @Test
  void aToolThatClosesTheFirstDescriptorsStillAnswers() {
    try (Pool pool = Trouble.pool().start()) {
      long worker = pid(pool);
      var call = pool.tool("close_descriptors").args(0, 9);
      assertThat(call.call(String.class)).isEqualTo("closed");
      awaitWhole(pool);
      assertThat(pid(pool)).isEqualTo(worker);
    }
  }

  @Test
  void aToolThatClosesAllDescriptorsCostsItsWorker() {
    try (Pool pool = Trouble.pool().start()) {
      var call = pool.tool("close_descriptors").args(0, 1_000_000);
      WorkerDiedException error = failure(WorkerDiedException.class, () -> call.call(Object.class));
      assertThat(error.exit()).isIn(new Exit.Status(1), new Exit.Signal(9));
      awaitWhole(pool);
      assertThat(pool.stats().restarts()).isEqualTo(1);
    }
  }
}
