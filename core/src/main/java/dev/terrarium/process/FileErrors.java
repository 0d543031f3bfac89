package dev.terrarium.process;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/// What the kernel said of a file, in its own words. The JDK has put some of them into classes
/// whose message is the path alone.
public final class FileErrors {
  private FileErrors() {}

  /// Such as `Permission denied`, or `No space left on device`.
  public static String why(IOException e) {
    return switch (e) {
      case AccessDeniedException _ -> "Permission denied";
      case NoSuchFileException f when f.getReason() == null -> "No such file or directory";
      case FileAlreadyExistsException f when f.getReason() == null -> "File exists";
      case NotDirectoryException _ -> "Not a directory";
      case DirectoryNotEmptyException _ -> "Directory not empty";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> e.getMessage() == null ? e.toString() : e.getMessage();
    };
  }

  /// With the file that it is about, as far as the error tells: `/run/x: Permission denied`.
  public static String describe(IOException e) {
    return e instanceof FileSystemException f && f.getFile() != null
        ? f.getFile() + ": " + why(e)
        : why(e);
  }

  /// For a message that names a path already: the file only where it is another one.
  public static String describe(IOException e, Path known) {
    return e instanceof FileSystemException f && known.toString().equals(f.getFile())
        ? why(e)
        : describe(e);
  }
}
