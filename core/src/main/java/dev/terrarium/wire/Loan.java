package dev.terrarium.wire;

import dev.terrarium.process.MemoryFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/// The memory files that one frame lends to the other side until the call has ended.
///
/// Filled by the thread that encodes a value; ended once, by any.
public final class Loan {
  /// Nothing is lent.
  static final Loan NONE = new Loan(MemoryFiles.none());

  private record Lent(MemoryFile file, int bytes) {}

  private final MemoryFiles files;
  private final Map<Integer, Lent> byIndex = new HashMap<>();
  private final AtomicBoolean ended = new AtomicBoolean();

  Loan(MemoryFiles files) {
    this.files = files;
  }

  /// Puts `bytes` into a file that becomes the attachment of that index.
  ///
  /// @return what travels in the frame: the file's descriptor; empty where the bytes are to travel
  ///   there themselves
  Optional<ByteBuffer> lend(int index, MemorySegment bytes) {
    return files
        .filled(bytes)
        .map(
            file -> {
              byIndex.put(index, new Lent(file, (int) bytes.byteSize()));
              return ByteBuffer.allocate(Integer.BYTES).putInt(file.number()).flip();
            });
  }

  public boolean isEmpty() {
    return byIndex.isEmpty();
  }

  /// How many bytes were put into the attachment's file; 0 where there is none.
  int bytes(int index) {
    Lent lent = byIndex.get(index);
    return lent == null ? 0 : lent.bytes();
  }

  /// How many bytes are in files.
  long bytes() {
    return byIndex.values().stream().mapToLong(Lent::bytes).sum();
  }

  /// `attachments` with the bytes in the place of the files: for a worker that takes none.
  List<ByteBuffer> unpacked(List<ByteBuffer> attachments) {
    List<ByteBuffer> all = new ArrayList<>(attachments);
    byIndex.forEach((index, lent) -> all.set(index, read(lent)));
    return all;
  }

  private static ByteBuffer read(Lent lent) {
    byte[] bytes = new byte[lent.bytes()];
    try {
      lent.file().read(MemorySegment.ofArray(bytes));
    } catch (IOException e) {
      throw new IllegalStateException("our own memory file", e);
    }
    return ByteBuffer.wrap(bytes);
  }

  /// The call has ended: the files may be used for others. Only the first end counts.
  public void end() {
    if (ended.compareAndSet(false, true)) {
      byIndex.values().forEach(lent -> files.giveBack(lent.file()));
    }
  }

  /// The other side is gone, and perhaps not all of it: the files are never written again.
  public void abandon() {
    if (ended.compareAndSet(false, true)) {
      byIndex.values().forEach(lent -> lent.file().close());
    }
  }
}
