package dev.terrarium.wire;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.process.Descriptors;
import dev.terrarium.process.PrivateFiles;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The sockets of a runtime, at which the warden, workers and those who ask dial, in a directory of
/// their own.
///
/// That lies where old files are cleaned up, and no connection ends by the removal of a socket's
/// file: what is connected goes on, and nobody new ever comes. So the files are looked for, and
/// bound again. Safe for use by many threads.
public final class Sockets implements AutoCloseable {
  private static final String FRAMES = "s";
  private static final String LIFELINES = "l";

  private final EventLoop loop;
  private final Path directory;

  @GuardedBy("this")
  private final List<Listener> listeners = new ArrayList<>();

  @GuardedBy("this")
  private boolean closed;

  private Sockets(EventLoop loop, Path directory) {
    this.loop = loop;
    this.directory = directory;
  }

  /// Makes the directory, and listens in it for frames and lifelines.
  ///
  /// @param directory a short path that nobody has
  /// @throws IOException where it cannot be made, or bound to
  public static Sockets open(EventLoop loop, Path directory, Greeter frames) throws IOException {
    PrivateFiles.makeDirectory(directory);
    var sockets = new Sockets(loop, directory);
    synchronized (sockets) {
      sockets.listeners.add(loop.listen(sockets.frames(), frames));
      sockets.listeners.add(loop.listenLifelines(sockets.lifelines()));
    }
    return sockets;
  }

  /// Listens for those who ask, too.
  ///
  /// @throws IOException where it cannot be bound to
  public synchronized void listenForQuestions(String name, Greeter greeter) throws IOException {
    listeners.add(loop.listenForQuestions(directory.resolve(name), greeter));
    Descriptors.closeOnExec(directory);
  }

  public Path directory() {
    return directory;
  }

  /// Where frames are taken.
  public Path frames() {
    return directory.resolve(FRAMES);
  }

  /// Where lifelines are held.
  public Path lifelines() {
    return directory.resolve(LIFELINES);
  }

  /// Binds again what somebody has removed.
  ///
  /// @return what was missing
  /// @throws IOException where it cannot be bound again: then nobody can dial
  public synchronized List<Path> mend() throws IOException {
    List<Listener> missing = missing();
    if (!missing.isEmpty()) {
      mendDirectory();
      for (Listener listener : missing()) { // a directory that was closed to us may show them again
        listener.bindAgain(loop);
      }
      Descriptors.closeOnExec(directory);
    }
    return missing.stream().map(Listener::socket).toList();
  }

  @GuardedBy("this")
  private List<Listener> missing() {
    return closed ? List.of() : listeners.stream().filter(it -> !it.isThere()).toList();
  }

  /// Its name is no secret any more: whoever has put something else there must not be told of our
  /// workers.
  private void mendDirectory() throws IOException {
    try {
      PrivateFiles.makeDirectory(directory);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
        throw new FileSystemException(directory.toString(), null, "something else is there");
      }
      Optional<String> why = PrivateFiles.objection(directory);
      if (why.isPresent()) {
        throw new FileSystemException(directory.toString(), null, why.get());
      }
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    }
  }

  /// Nothing is bound again from now on; what listens does until the loop ends.
  @Override
  public synchronized void close() {
    closed = true;
  }
}
