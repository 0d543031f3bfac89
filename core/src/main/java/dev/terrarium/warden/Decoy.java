package dev.terrarium.warden;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import java.io.IOException;
import java.util.Optional;

/// A process that does nothing, for trying out on it what is to be done to others. It ends by
/// itself when its standard input does, and so does not outlive this JVM either.
public final class Decoy implements AutoCloseable {
  private final Process process;

  private Decoy(Process process) {
    this.process = process;
  }

  /// Starts one.
  ///
  /// @throws IOException if the machine has no `cat`, or lets nobody start it
  public static Decoy start() throws IOException {
    return new Decoy(
        new ProcessBuilder("cat")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start());
  }

  /// Which process it is; empty where it has ended already.
  public Optional<ProcessIdentity> identity() {
    return ProcessIdentity.of(process.pid());
  }

  /// Has it bear a mark.
  public boolean mark(Birthmark mark) {
    return mark.mark(process.pid(), 1);
  }

  @Override
  public void close() throws IOException {
    process.getOutputStream().close();
  }
}
