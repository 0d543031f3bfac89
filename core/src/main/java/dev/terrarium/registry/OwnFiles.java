package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.process.ProcFs;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/// What is ours on disk, and its removal.
final class OwnFiles {
  private OwnFiles() {}

  /// Far more than any file of a run ever has; what is larger is none of ours.
  static final long READ_BYTES_MAX = 64 << 20;

  /// The text of a file. To open a pipe would wait for somebody who writes to it, and what is
  /// behind a link is not the run's.
  ///
  /// @throws IOException where it cannot be read, is no regular file, or has more than
  ///   [#READ_BYTES_MAX]
  static String read(Path file) throws IOException {
    requireRegular(file);
    return new String(Files.readAllBytes(file), UTF_8);
  }

  /// @throws IOException where it is there, and is anything but a regular file of bounded size
  static void requireRegular(Path file) throws IOException {
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new FileSystemException(file.toString(), null, "it is no regular file");
    }
    if (Files.size(file) > READ_BYTES_MAX) {
      String problem = "it has %d bytes, more than %d".formatted(Files.size(file), READ_BYTES_MAX);
      throw new FileSystemException(file.toString(), null, problem);
    }
  }

  /// Is this a directory, itself and not through a link, that belongs to this process's user?
  static boolean isOwn(Path directory) {
    try {
      Object uid = Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      return Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
          && ((Number) uid).longValue() == ProcFs.ownUid();
    } catch (IOException e) {
      return false;
    }
  }

  /// Removes a directory and everything in it, links themselves and never what they point to.
  /// Another process may be doing the same: what is gone already is fine.
  static void remove(Path directory) throws IOException {
    try {
      Files.walkFileTree(directory, new Remover());
    } catch (NoSuchFileException e) {
      // Somebody else was faster.
    }
  }

  private static final class Remover extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      Files.deleteIfExists(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
      if (failure instanceof NoSuchFileException) {
        return FileVisitResult.CONTINUE;
      }
      throw failure;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
        throws IOException {
      if (failure != null) {
        throw failure;
      }
      Files.deleteIfExists(directory);
      return FileVisitResult.CONTINUE;
    }
  }
}
