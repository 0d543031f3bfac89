package dev.terrarium.wire;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class OutgoingFrameTest {
  @Test
  void looksAsThePageSays() {
    byte[] bytes =
        Frames.bytes(FrameType.CALL, 0x0102030405060708L, "{}", new byte[] {9}, new byte[] {8, 7});
    assertThat(HexFormat.of().formatHex(bytes))
        .isEqualTo("0000000d0200000201020304050607080000000100000002" + "7b7d" + "09" + "0807");
  }

  @Test
  void putsASmallFrameIntoOneBuffer() {
    assertThat(OutgoingFrame.of(FrameType.PING, 1, new byte[0]).buffers()).hasSize(1);
    assertThat(OutgoingFrame.of(FrameType.CALL, 1, new byte[100]).buffers()).hasSize(1);
  }

  @Test
  void copiesNeitherAttachmentsNorLargeEnvelopes() {
    ByteBuffer attachment = ByteBuffer.wrap(new byte[] {0, 1, 2, 3}, 1, 2);
    byte[] envelope = new byte[1 << 20];
    var buffers = OutgoingFrame.of(FrameType.CALL, 1, envelope, List.of(attachment)).buffers();
    assertThat(buffers.getFirst().remaining()).isEqualTo(20);
    assertThat(buffers.get(1).array()).isSameAs(envelope);
    assertThat(buffers.getLast().array()).isSameAs(attachment.array());
    assertThat(buffers.getLast()).isEqualTo(ByteBuffer.wrap(new byte[] {1, 2}));
    assertThat(attachment.position()).isEqualTo(1);
  }

  @Test
  void isCutIntoSlicesThatNioMayCopy() {
    var frame =
        OutgoingFrame.of(FrameType.CALL, 1, new byte[0], List.of(ByteBuffer.allocate(9 << 20)));
    assertThat(frame.buffers()).hasSize(1 + 36).allMatch(b -> b.remaining() <= 1 << 18);
  }

  @Test
  void refusesWhatTheOtherSideWouldRefuse() {
    var empty = ByteBuffer.allocate(0);
    assertThatThrownBy(
            () ->
                OutgoingFrame.of(
                    FrameType.CALL, 1, new byte[0], Collections.nCopies(65_536, empty)))
        .hasMessage("65536 attachments, the limit is 65535");
  }

  @Test
  void arrivesWholeThroughAChannelThatTakesLittle() throws Exception {
    byte[] large = Frames.random(1, 700_000);
    byte[] expected =
        Frames.join(
            Frames.bytes(FrameType.CALL, 1, "{}", large, new byte[0], new byte[] {1}),
            Frames.bytes(FrameType.PING, 2, ""));
    for (int seed = 0; seed < 50; seed++) {
      var outbox = new Outbox();
      List<ByteBuffer> attachments =
          List.of(ByteBuffer.wrap(large), ByteBuffer.allocate(0), ByteBuffer.wrap(new byte[] {1}));
      outbox.add(OutgoingFrame.of(FrameType.CALL, 1, "{}".getBytes(UTF_8), attachments));
      outbox.add(OutgoingFrame.of(FrameType.PING, 2, new byte[0]));
      assertThat(outbox.bytes()).isEqualTo(expected.length);
      var channel = new StingyChannel(expected.length, new Random(seed));
      while (!outbox.flush(channel)) {
        assertThat(outbox.bytes()).isEqualTo(expected.length - channel.taken.position());
      }
      assertThat(outbox.bytes()).isZero();
      assertThat(Arrays.equals(channel.taken.array(), expected)).isTrue();
    }
  }

  private static final class StingyChannel implements GatheringByteChannel {
    final ByteBuffer taken;
    private final Random random;

    StingyChannel(int size, Random random) {
      this.taken = ByteBuffer.allocate(size);
      this.random = random;
    }

    @Override
    public long write(ByteBuffer[] buffers, int offset, int length) {
      long asked = 0;
      long room = random.nextInt(100_000);
      long written = 0;
      for (ByteBuffer buffer : Arrays.asList(buffers).subList(offset, offset + length)) {
        asked += buffer.remaining();
        int n = (int) Math.min(room - written, buffer.remaining());
        taken.put(buffer.slice(buffer.position(), n));
        buffer.position(buffer.position() + n);
        written += n;
      }
      assertThat(asked).isLessThanOrEqualTo((1 << 18) + 100);
      return written;
    }

    @Override
    public long write(ByteBuffer[] buffers) {
      return write(buffers, 0, buffers.length);
    }

    @Override
    public int write(ByteBuffer buffer) {
      return (int) write(new ByteBuffer[] {buffer}, 0, 1);
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }
}
