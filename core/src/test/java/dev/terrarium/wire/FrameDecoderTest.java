package dev.terrarium.wire;

import static dev.terrarium.wire.Frames.bytes;
import static dev.terrarium.wire.Frames.header;
import static dev.terrarium.wire.Frames.join;
import static dev.terrarium.wire.Frames.random;
import static dev.terrarium.wire.Frames.table;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class FrameDecoderTest {
  private static final byte[] STREAM =
      join(
          bytes(FrameType.RESULT, 1, "[1,2]"),
          bytes(FrameType.PONG, -1, ""),
          bytes(FrameType.RESULT, Long.MAX_VALUE, "{}", random(1, 70), new byte[0], random(2, 3)),
          bytes(FrameType.LOG, 0, "{\"message\":\"\u00e9\"}"),
          bytes(FrameType.RESULT, 2, "", new byte[0]),
          bytes(FrameType.ERROR, 3, "x".repeat(300)));

  private final List<Frame> frames = new ArrayList<>();

  private void feed(FrameDecoder decoder, byte[] bytes, int... cuts) {
    int from = 0;
    for (int cut : cuts) {
      decoder.feed(ByteBuffer.wrap(bytes, from, cut - from), frames::add);
      from = cut;
    }
    decoder.feed(ByteBuffer.wrap(bytes, from, bytes.length - from), frames::add);
  }

  private String violation(Peer peer, byte[]... parts) {
    var decoder = new FrameDecoder(peer);
    var thrown = catchThrowableOfType(ProtocolException.class, () -> feed(decoder, join(parts)));
    assertThat(thrown).isNotNull();
    return String.valueOf(thrown.getMessage());
  }

  private void assertTheFramesOfTheStream() {
    assertThat(frames)
        .extracting(Frame::type)
        .containsExactly(
            FrameType.RESULT,
            FrameType.PONG,
            FrameType.RESULT,
            FrameType.LOG,
            FrameType.RESULT,
            FrameType.ERROR);
    byte[] again =
        join(
            frames.stream()
                .map(
                    f ->
                        OutgoingFrame.of(
                            f.type(),
                            f.id(),
                            f.envelope(),
                            f.attachments().stream().map(ByteBuffer::wrap).toList()))
                .map(Frames::bytes)
                .toArray(byte[][]::new));
    assertThat(again).isEqualTo(STREAM);
    frames.clear();
  }

  @Test
  void makesTheSameFramesWhereverTheStreamIsCut() {
    for (int cut = 0; cut <= STREAM.length; cut++) {
      feed(new FrameDecoder(Peer.WORKER), STREAM, cut);
      assertTheFramesOfTheStream();
    }
  }

  @Test
  void makesTheSameFramesFromManyRandomPieces() {
    for (int seed = 0; seed < 500; seed++) {
      var random = new Random(seed);
      int[] cuts = random.ints(random.nextInt(40), 0, STREAM.length + 1).sorted().toArray();
      feed(new FrameDecoder(Peer.WORKER), STREAM, cuts);
      assertTheFramesOfTheStream();
    }
  }

  @Test
  void makesTheSameFramesFromSingleBytes() {
    int[] cuts = new int[STREAM.length];
    Arrays.setAll(cuts, i -> i);
    feed(new FrameDecoder(Peer.WORKER), STREAM, cuts);
    assertTheFramesOfTheStream();
  }

  @Test
  void makesLargeAttachmentsGrowWithoutLosingAByte() {
    byte[] large = random(3, 20_000_000);
    byte[] stream = bytes(FrameType.RESULT, 1, "{\"$bytes\":0}", large);
    int[] cuts = new Random(4).ints(100, 0, stream.length).sorted().toArray();
    feed(new FrameDecoder(Peer.WORKER), stream, cuts);
    assertThat(frames.getFirst().attachments()).hasSize(1);
    assertThat(Arrays.equals(frames.getFirst().attachments().getFirst(), large)).isTrue();
  }

  @Test
  void takesAsManyAttachmentsAsATableHolds() {
    byte[][] attachments = new byte[65_535][];
    Arrays.fill(attachments, new byte[] {1});
    feed(new FrameDecoder(Peer.WORKER), bytes(FrameType.RESULT, 1, "", attachments));
    assertThat(frames.getFirst().attachments()).hasSize(65_535);
  }

  @Test
  void namesWhatIsWrongWithAHeader() {
    assertThat(violation(Peer.WORKER, header(0, 99, 0, 0))).isEqualTo("unknown frame type 99");
    assertThat(violation(Peer.WORKER, header(0, 255, 0, 0))).isEqualTo("unknown frame type 255");
    assertThat(violation(Peer.WORKER, header(0, 0, 0, 0))).isEqualTo("unknown frame type 0");
    assertThat(violation(Peer.WORKER, header(0, 2, 0, 0)))
        .isEqualTo("frame type CALL (2) does not come from a WORKER");
    assertThat(violation(Peer.WARDEN, header(0, 3, 0, 0)))
        .isEqualTo("frame type RESULT (3) does not come from a WARDEN");
    assertThat(violation(Peer.WORKER, header(0, 1, 0, 0)))
        .isEqualTo("frame type HELLO (1) does not come from a WORKER");
    assertThat(violation(Peer.WORKER, header(0, 7, 0, 0)))
        .isEqualTo("frame type CHUNK (7) is reserved");
    assertThat(violation(Peer.WORKER, header(0, 3, 128, 0)))
        .isEqualTo("RESULT frame #7: flags 128, version 1 knows none");
  }

  @Test
  void namesLengthsThatCannotBe() {
    assertThat(violation(Peer.WORKER, header(1L << 31, 3, 0, 0)))
        .isEqualTo("RESULT frame #7: length 2147483648, the limit is 1207959552");
    assertThat(violation(Peer.WORKER, header(0xffff_ffffL, 3, 0, 0))).contains("4294967295");
    assertThat(violation(Peer.STRANGER, header((1 << 20) + 1, 1, 0, 0)))
        .isEqualTo("HELLO frame #7: length 1048577, the limit is 1048576");
    assertThat(violation(Peer.WORKER, header(11, 3, 0, 3)))
        .isEqualTo("RESULT frame #7: length 11 has no room for a table of 3");
    assertThat(violation(Peer.WORKER, header(100, 3, 0, 2), table(90, 3)))
        .isEqualTo("RESULT frame #7: length 100 is 1 less than its table says");
    assertThat(violation(Peer.WORKER, header(1 << 30, 3, 0, 1), table((1L << 30) + 1)))
        .isEqualTo("RESULT frame #7: attachment of 1073741825 bytes, the limit is 1073741824");
    assertThat(violation(Peer.WORKER, header(100, 3, 0, 1), table(0xffff_fff0L)))
        .contains("4294967280");
    long[] overflowing = new long[8];
    Arrays.fill(overflowing, 1 << 30);
    assertThat(violation(Peer.WORKER, header(100, 3, 0, 8), table(overflowing)))
        .contains("less than its table says");
  }

  @Test
  void refusesAtOnceBeforeTheRestArrives() {
    assertThat(violation(Peer.STRANGER, header(1 << 20, 3, 0, 0)))
        .isEqualTo("frame type RESULT (3) does not come from a STRANGER");
  }

  @Test
  void letsAStrangerSayMoreOnceItIsKnown() {
    var decoder = new FrameDecoder(Peer.STRANGER);
    byte[] stream = join(bytes(FrameType.HELLO, 0, "{}"), bytes(FrameType.RESULT, 1, "1"));
    decoder.feed(
        ByteBuffer.wrap(stream),
        frame -> {
          frames.add(frame);
          decoder.introduce(Peer.WORKER);
        });
    assertThat(frames).extracting(Frame::type).containsExactly(FrameType.HELLO, FrameType.RESULT);
  }

  @Test
  void saysWhereInAFrameTheStreamEnds() {
    var decoder = new FrameDecoder(Peer.WORKER);
    assertThat(decoder.unfinished()).isEmpty();
    byte[] stream = bytes(FrameType.RESULT, 1, "[1,2]", new byte[30], new byte[20]);
    feed(decoder, Arrays.copyOf(stream, 10));
    assertThat(decoder.unfinished()).hasValue("the header: 10 of 16 bytes");
    decoder = new FrameDecoder(Peer.WORKER);
    feed(decoder, Arrays.copyOf(stream, 16 + 8 + 5 + 30 + 6));
    assertThat(decoder.unfinished())
        .hasValue("the attachment 1 of a RESULT frame of 63 bytes: 6 of 20 bytes");
  }

  @Test
  void allocatesForWhatArrivedAndNotForWhatIsClaimed() {
    byte[] claim = join(header(1 << 30, 3, 0, 1), table((1 << 30) - 4), new byte[10]);
    byte[] longEnvelope = join(header(Limits.FRAME_BYTES_MAX, 3, 0, 0), new byte[10]);
    assertThat(allocatedBy(() -> feed(new FrameDecoder(Peer.WORKER), claim))).isLessThan(1 << 20);
    assertThat(allocatedBy(() -> feed(new FrameDecoder(Peer.WORKER), longEnvelope)))
        .isLessThan(1 << 20);
    byte[] more = join(claim, new byte[20 << 20]);
    assertThat(allocatedBy(() -> feed(new FrameDecoder(Peer.WORKER), more))).isLessThan(90 << 20);
  }

  @SuppressWarnings("deprecation")
  private static long allocatedBy(Runnable work) {
    work.run();
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    work.run();
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  @Test
  void survivesGarbage() {
    assertThat(
            allocatedBy(
                () -> {
                  for (int seed = 0; seed < 20_000; seed++) {
                    feedWhateverItIs(random(seed, 64));
                  }
                }))
        .isLessThan(200 << 20);
  }

  @Test
  void survivesFramesWithBytesChanged() {
    for (int seed = 0; seed < 20_000; seed++) {
      var random = new Random(seed);
      byte[] stream = STREAM.clone();
      for (int i = 0; i <= random.nextInt(4); i++) {
        stream[random.nextInt(stream.length)] = (byte) random.nextInt();
      }
      feedWhateverItIs(stream);
    }
  }

  /// Either it is refused as it should be, or it makes frames.
  private void feedWhateverItIs(byte[] bytes) {
    try {
      feed(new FrameDecoder(Peer.WORKER), bytes);
    } catch (ProtocolException e) {
      assertThat(e).hasMessageMatching("(?s).*\\d.*");
    }
    frames.clear();
  }
}
