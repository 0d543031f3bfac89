package dev.terrarium.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.json.JsonMapper;

/// One connection to `floor.py`: a message is its length in four bytes and so many bytes. The lock
/// is for callers that share a worker; alone, it costs next to nothing.
final class FloorWorker implements Contestant.Caller {
  private static final int HEADER = Integer.BYTES;
  private static final int BUFFER_BYTES = 1 << 17;
  private static final long SHARED_BYTES = 1 << 25;
  private static final JsonMapper JSON = new JsonMapper();

  private final SocketChannel channel;
  private final FloorContestant.Kind kind;
  private final long pid;
  private final MemorySegment shared;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
  private final ReentrantLock lock = new ReentrantLock();

  private FloorWorker(
      SocketChannel channel, FloorContestant.Kind kind, long pid, MemorySegment shared) {
    this.channel = channel;
    this.kind = kind;
    this.pid = pid;
    this.shared = shared;
  }

  /// Takes a worker's connection; it says its pid first, then the descriptor of its shared memory.
  static FloorWorker greet(SocketChannel channel, FloorContestant.Kind kind) throws IOException {
    int pid = number(channel);
    var shared =
        kind == FloorContestant.Kind.SHARED ? map(pid, number(channel)) : MemorySegment.NULL;
    return new FloorWorker(channel, kind, pid, shared);
  }

  private static int number(SocketChannel channel) throws IOException {
    var buffer = ByteBuffer.allocate(HEADER);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new EOFException("a worker ended before it said anything");
      }
    }
    return buffer.getInt(0);
  }

  private static MemorySegment map(int pid, int descriptor) throws IOException {
    var path = Path.of("/proc/%d/fd/%d".formatted(pid, descriptor));
    try (var file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return file.map(FileChannel.MapMode.READ_WRITE, 0, 2 * SHARED_BYTES, Arena.ofAuto());
    }
  }

  long pid() {
    return pid;
  }

  void close() throws IOException {
    channel.close();
  }

  /// The smallest exchange of this kind.
  void answer() throws IOException {
    switch (kind) {
      case PLAIN, JSON -> echo("?");
      case SHARED -> bytes(new byte[1]);
    }
  }

  @Override
  public String echo(String text) throws IOException {
    return kind == FloorContestant.Kind.JSON
        ? tool(text, String.class)
        : new String(exchange(text.getBytes(UTF_8)), UTF_8);
  }

  @Override
  public Reading call(Reading reading) throws IOException {
    return tool(reading, Reading.class);
  }

  private <T> T tool(Object value, Class<T> type) throws IOException {
    var call = Map.of("tool", "echo", "named", Map.of("value", value));
    return JSON.readValue(exchange(JSON.writeValueAsBytes(call)), type);
  }

  @Override
  public byte[] bytes(byte[] bytes) throws IOException {
    return kind == FloorContestant.Kind.SHARED ? throughMemory(bytes) : exchange(bytes);
  }

  private byte[] throughMemory(byte[] bytes) throws IOException {
    lock.lock();
    try {
      MemorySegment.copy(MemorySegment.ofArray(bytes), 0, shared, 0, bytes.length);
      byte[] size = ByteBuffer.allocate(HEADER).putInt(bytes.length).array();
      byte[] back = new byte[ByteBuffer.wrap(exchange(size)).getInt()];
      MemorySegment.copy(shared, SHARED_BYTES, MemorySegment.ofArray(back), 0, back.length);
      return back;
    } finally {
      lock.unlock();
    }
  }

  /// Sends a message and reads the answer, by way of the buffer, since the channel would copy
  /// arrays by way of a direct buffer of their own size.
  private byte[] exchange(byte[] message) throws IOException {
    lock.lock();
    try {
      buffer.clear().putInt(message.length);
      int sent = 0;
      do {
        int part = Math.min(buffer.remaining(), message.length - sent);
        buffer.put(message, sent, part).flip();
        sent += part;
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
        buffer.clear();
      } while (sent < message.length);
      return receive();
    } finally {
      lock.unlock();
    }
  }

  private byte[] receive() throws IOException {
    while (buffer.position() < HEADER) {
      readSome();
    }
    buffer.flip();
    byte[] message = new byte[buffer.getInt()];
    int read = 0;
    while (true) {
      int part = Math.min(buffer.remaining(), message.length - read);
      buffer.get(message, read, part);
      read += part;
      if (read == message.length) {
        return message;
      }
      buffer.clear();
      readSome();
      buffer.flip();
    }
  }

  private void readSome() throws IOException {
    if (channel.read(buffer) < 0) {
      throw new EOFException("the worker is gone");
    }
  }
}
