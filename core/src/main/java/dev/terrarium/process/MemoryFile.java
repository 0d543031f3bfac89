package dev.terrarium.process;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Memory that has a descriptor (`memfd_create(2)`), so that another process of the same user can
/// open it as `/proc/PID/fd/N`. It has no name in any file system and is gone with its last
/// descriptor and mapping, however their holders die.
///
/// It is sealed against shrinking when it is made, and who opens one checks that seal before
/// anything else: no size that was seen once can turn out too large later, which for a mapping
/// would be a SIGBUS. It may grow, and it may be written again once nobody reads it any more:
/// giving out memory anew costs several times what filling it does. The first time it is filled by
/// system calls, which are quicker at new memory and say so where there is none; from the second
/// time on through a mapping, which is quicker at memory that is there.
///
/// Not for several threads at once, but for [#close], of which only the first one counts.
@SuppressWarnings("restricted")
public final class MemoryFile implements AutoCloseable {
  private static final String NAME = "terrarium";
  private static final String LINK = "/memfd:" + NAME + " (deleted)";
  private static final int CLOSED = -1;

  /// What is copied in one piece; the garbage collector may have to wait for it (about 0.1 ms).
  private static final int CHUNK_BYTES = 1 << 18;

  private final AtomicInteger descriptor;
  private long capacity;
  private @Nullable Mapping mapping;

  /// Its own memory, for writing. Shared, so that it can be given up by whoever closes the file
  /// while somebody writes, who then fails instead of the JVM.
  private record Mapping(Arena arena, MemorySegment memory) {}

  private MemoryFile(int descriptor, long capacity) {
    this.descriptor = new AtomicInteger(descriptor);
    this.capacity = capacity;
  }

  /// A new one, empty.
  ///
  /// @throws IOException where the kernel refuses it
  public static MemoryFile create() throws IOException {
    int made = Libc.memfdCreate(NAME, Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING);
    check(made, "no memory file can be made");
    MemoryFile file = new MemoryFile(made, 0);
    try {
      check(Libc.fcntl(made, Libc.F_ADD_SEALS, Libc.F_SEAL_SHRINK), "a memory file is not sealed");
      return file;
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /// Opens, for reading, what another process made.
  ///
  /// @param number its descriptor there
  /// @throws NoSuchFileException where that process has none of that number, or is gone
  /// @throws ScarceException where there is no descriptor left to open it with
  /// @throws IOException where it is anything but such a file of at least that size
  public static MemoryFile open(long pid, int number, long bytes) throws IOException {
    Path there = Path.of("/proc/" + pid + "/fd/" + number);
    requireMemory(there); // before it is opened: opening some things has consequences
    int here = Libc.open(there, Libc.O_CLOEXEC | Libc.O_NONBLOCK, 0);
    if (here == -Libc.ENOENT) {
      throw new NoSuchFileException(there.toString());
    }
    check(here, there + " cannot be opened");
    MemoryFile file = new MemoryFile(here, Libc.size(here));
    try {
      requireMemory(Path.of("/proc/self/fd/" + here)); // it may have been exchanged meanwhile
      file.requireSealed(there, bytes);
      return file;
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /// Whether this process may open what that process has; asks about a link that each process has
  /// and that the same rule guards.
  public static boolean canOpen(long pid) {
    try {
      Files.readSymbolicLink(Path.of("/proc/" + pid + "/cwd"));
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static void requireMemory(Path link) throws IOException {
    Path target = Files.readSymbolicLink(link);
    if (!target.toString().equals(LINK)) {
      throw new FileSystemException(link.toString(), null, "it is no memory file of ours");
    }
  }

  private void requireSealed(Path there, long bytes) throws IOException {
    int seals = Libc.fcntl(number(), Libc.F_GET_SEALS, 0);
    if (seals < 0 || (seals & Libc.F_SEAL_SHRINK) == 0) {
      throw new FileSystemException(there.toString(), null, "it is not sealed against shrinking");
    }
    if (capacity < bytes) {
      throw new FileSystemException(
          there.toString(), null, "it has %d bytes, not %d".formatted(capacity, bytes));
    }
  }

  /// Its descriptor in this process.
  public int number() {
    return descriptor.get();
  }

  /// How much memory it has.
  public long capacity() {
    return capacity;
  }

  /// Writes all of `bytes`, from the file's beginning; it grows as needed.
  ///
  /// @throws IOException where there is no memory
  public void write(MemorySegment bytes) throws IOException {
    MemorySegment there = mapped(bytes.byteSize());
    if (there == null) {
      writeAnew(bytes);
      return;
    }
    for (long at = 0; at < bytes.byteSize(); at += CHUNK_BYTES) {
      MemorySegment chunk = chunk(bytes, at);
      MemorySegment.copy(chunk, 0, there, at, chunk.byteSize());
    }
  }

  /// Null where it has not that much memory yet, or cannot be mapped.
  private @Nullable MemorySegment mapped(long bytes) {
    Mapping known = mapping;
    if (known != null && known.memory().byteSize() >= bytes) {
      return known.memory();
    }
    if (capacity < bytes || capacity == 0) {
      return null;
    }
    unmap();
    long size = capacity;
    long address = Libc.mmapWritable(number(), size);
    if (address < 0) {
      return null;
    }
    Arena arena = Arena.ofShared();
    MemorySegment memory =
        MemorySegment.ofAddress(address).reinterpret(size, arena, _ -> Libc.munmap(address, size));
    mapping = new Mapping(arena, memory);
    return memory;
  }

  private void unmap() {
    Mapping known = mapping;
    mapping = null;
    if (known != null) {
      known.arena().close();
    }
  }

  private void writeAnew(MemorySegment bytes) throws IOException {
    for (long at = 0; at < bytes.byteSize(); ) {
      long n = Libc.pwrite(number(), chunk(bytes, at), at);
      check(n, "a memory file cannot be written");
      at += n;
      capacity = Math.max(capacity, at);
    }
  }

  /// Fills `into` from the file's beginning.
  ///
  /// @throws IOException where the file has less
  public void read(MemorySegment into) throws IOException {
    for (long at = 0; at < into.byteSize(); ) {
      long n = Libc.pread(number(), chunk(into, at), at);
      check(n == 0 ? -Libc.EINVAL : n, "a memory file cannot be read");
      at += n;
    }
  }

  private static MemorySegment chunk(MemorySegment segment, long at) {
    return segment.asSlice(at, Math.min(CHUNK_BYTES, segment.byteSize() - at));
  }

  /// The file's first bytes where they are, read-only, as long as the arena lives. The file itself
  /// may be closed before.
  ///
  /// @param ended runs after the arena has closed; must not throw
  /// @throws IllegalStateException if the arena is closed
  /// @throws WrongThreadException if it belongs to another thread
  /// @throws ScarceException where there is no room left to map it to
  /// @throws IOException where the kernel refuses it
  public MemorySegment map(long bytes, Arena arena, Runnable ended) throws IOException {
    long address = Libc.mmap(number(), bytes);
    check(address, "a memory file cannot be mapped");
    try {
      return MemorySegment.ofAddress(address)
          .reinterpret(
              bytes,
              arena,
              _ -> {
                Libc.munmap(address, bytes);
                ended.run();
              })
          .asReadOnly();
    } catch (RuntimeException e) {
      Libc.munmap(address, bytes);
      throw e;
    }
  }

  private static void check(long result, String otherwise) throws IOException {
    if (result < 0) {
      int errno = (int) -result;
      throw ScarceException.of(errno, otherwise)
          .<IOException>map(scarce -> scarce)
          .orElseGet(() -> new IOException(otherwise + ": " + Libc.describe(errno)));
    }
  }

  /// Gives up the descriptor; a second call does nothing, even where the number was given out
  /// again.
  @Override
  public void close() {
    int open = descriptor.getAndSet(CLOSED);
    if (open != CLOSED) {
      unmap();
      Libc.close(open);
    }
  }

  @Override
  public String toString() {
    return "memory file %d (%,d bytes)".formatted(number(), capacity);
  }
}
