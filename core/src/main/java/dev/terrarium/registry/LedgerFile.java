package dev.terrarium.registry;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import dev.terrarium.process.Descriptors;
import dev.terrarium.process.PrivateFiles;
import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;

/// A file that only grows at its end, one write a line. No fsync: the page cache outlives every
/// death of a process, and after a power cut nothing of us lives.
///
/// Not a FileChannel: an interrupt that is pending in the caller would close that. Confined to the
/// owner's lock.
final class LedgerFile implements AutoCloseable {
  private final Path path;
  private FileOutputStream out;
  private Object key;
  private long bytes;
  private boolean torn;

  /// Cuts off what a crash left unfinished, so that the next line does not continue it.
  LedgerFile(Path path) throws IOException {
    this.path = path;
    this.out = open(path);
    this.key = key(path);
    this.bytes = Files.size(path);
    truncate(endOfLastLine());
  }

  private static FileOutputStream open(Path path) throws IOException {
    PrivateFiles.makeFile(path);
    var stream = new FileOutputStream(path.toFile(), /* append= */ true);
    Descriptors.closeOnExecOf(path);
    return stream;
  }

  private long endOfLastLine() throws IOException {
    byte[] content = Files.readAllBytes(path);
    int end = content.length;
    while (end > 0 && content[end - 1] != '\n') {
      end--;
    }
    return end;
  }

  private static Object key(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
  }

  /// Whether the file is still there, with all that was written to it: somebody may have removed,
  /// replaced or cut it.
  boolean isWhole() {
    try {
      return key(path).equals(key) && Files.size(path) >= bytes;
    } catch (IOException e) {
      return false;
    }
  }

  long bytes() {
    return bytes;
  }

  /// All of it or nothing: half a line, which a full disk leaves, is taken back.
  void append(byte[] line) throws IOException {
    try {
      if (torn) {
        out.write('\n'); // ends the half line, which so stays the only bad one
        torn = false;
      }
      out.write(line);
      bytes += line.length;
    } catch (IOException e) {
      undo(e);
      throw e;
    }
  }

  private void undo(IOException failure) {
    try {
      truncate(bytes);
    } catch (IOException e) {
      torn = true;
      failure.addSuppressed(e);
    }
  }

  private void truncate(long length) throws IOException {
    try (var file = new RandomAccessFile(path.toFile(), "rw")) {
      if (file.length() > length) {
        file.setLength(length);
      }
    }
    bytes = length;
  }

  /// Replaces the content by the given lines. Whoever reads sees the old file or the new one.
  void rewrite(List<byte[]> lines) throws IOException {
    var content = new ByteArrayOutputStream();
    lines.forEach(content::writeBytes);
    Path temporary = path.resolveSibling(path.getFileName() + ".tmp");
    PrivateFiles.write(temporary, content.toByteArray());
    FileOutputStream next = open(temporary);
    Object nextKey;
    try {
      nextKey = key(temporary);
      Files.move(temporary, path, ATOMIC_MOVE, REPLACE_EXISTING);
    } catch (IOException e) {
      next.close();
      throw e;
    }
    out.close();
    out = next;
    key = nextKey;
    torn = false;
    bytes = content.size();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
