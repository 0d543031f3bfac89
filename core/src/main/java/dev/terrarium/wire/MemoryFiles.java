package dev.terrarium.wire;

import dev.terrarium.base.Log;
import dev.terrarium.process.MemoryFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The memory files of one runtime: in them travel the bytes of its calls that are too many for a
/// frame. A file that is done with is kept for the next call, up to a limit: most of the cost of a
/// new one is its memory.
///
/// Thread-safe.
public final class MemoryFiles implements AutoCloseable {
  /// `off`: all bytes travel in frames. A number: from so many bytes on they travel in memory
  /// files.
  static final String PROPERTY = "terrarium.memfd";

  private static final Log log = Log.of(MemoryFiles.class);

  private final long from;
  private final List<MemoryFile> idle = new ArrayList<>();
  private boolean closed;

  private MemoryFiles(long from) {
    this.from = from;
  }

  /// As the system property says; by default for [Limits#MEMORY_BYTES_MIN] bytes and more.
  ///
  /// @throws IllegalArgumentException where the property says neither `off` nor a positive number
  public static MemoryFiles open() {
    String set = System.getProperty(PROPERTY, String.valueOf(Limits.MEMORY_BYTES_MIN));
    if (set.equals("off")) {
      return none();
    }
    if (!set.matches("[1-9][0-9]{0,17}")) {
      throw new IllegalArgumentException(
          "system property %s=%s: 'off' or a positive number of bytes".formatted(PROPERTY, set));
    }
    return new MemoryFiles(Long.parseLong(set));
  }

  /// All bytes travel in frames.
  public static MemoryFiles none() {
    return new MemoryFiles(Long.MAX_VALUE);
  }

  /// Whether there are any at all.
  public boolean available() {
    return from < Long.MAX_VALUE;
  }

  /// From so many bytes on.
  public long from() {
    return from;
  }

  /// A file with these bytes; empty where they are too few, or where the kernel refuses: then they
  /// travel in the frame.
  Optional<MemoryFile> filled(MemorySegment bytes) {
    if (bytes.byteSize() < from) {
      return Optional.empty();
    }
    MemoryFile kept;
    while ((kept = takeIdle(bytes.byteSize())) != null) {
      if (write(kept, bytes)) {
        return Optional.of(kept);
      }
    }
    try {
      MemoryFile fresh = MemoryFile.create();
      return write(fresh, bytes) ? Optional.of(fresh) : Optional.empty();
    } catch (IOException e) {
      log.debug("{} bytes travel in a frame", bytes.byteSize(), e);
      return Optional.empty();
    }
  }

  private static boolean write(MemoryFile file, MemorySegment bytes) {
    try {
      file.write(bytes);
      return true;
    } catch (IOException e) {
      log.debug("{} is given up", file, e);
      file.close();
      return false;
    } catch (RuntimeException | Error e) {
      file.close(); // an arena that was closed meanwhile
      throw e;
    }
  }

  /// The smallest that is large enough, else the largest, which grows.
  private synchronized @Nullable MemoryFile takeIdle(long bytes) {
    Comparator<MemoryFile> bySize = Comparator.comparingLong(MemoryFile::capacity);
    Optional<MemoryFile> best =
        idle.stream()
            .filter(file -> file.capacity() >= bytes)
            .min(bySize)
            .or(() -> idle.stream().max(bySize));
    best.ifPresent(idle::remove);
    return best.orElse(null);
  }

  /// Nobody reads it any more.
  void giveBack(MemoryFile file) {
    synchronized (this) {
      long kept = idle.stream().mapToLong(MemoryFile::capacity).sum();
      if (!closed && kept + file.capacity() <= Limits.MEMORY_IDLE_BYTES_MAX) {
        idle.add(file);
        return;
      }
    }
    file.close();
  }

  /// Frees what is not in use, and from now on whatever is given back.
  @Override
  public void close() {
    List<MemoryFile> last;
    synchronized (this) {
      closed = true;
      last = List.copyOf(idle);
      idle.clear();
    }
    last.forEach(MemoryFile::close);
  }
}
