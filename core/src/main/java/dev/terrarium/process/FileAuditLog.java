package dev.terrarium.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import dev.terrarium.base.Log;
import dev.terrarium.json.PlainJson;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;

/// Appends JSON lines to a file that the warden appends to as well, in the same format (`Audit` in
/// `_proc.py`): each line is one write at the end of the file, and the file is opened anew for
/// each, so that neither goes on writing to one that the other has set aside. One file and its
/// predecessor are kept.
final class FileAuditLog implements AuditLog {
  private static final Log LOG = Log.of(FileAuditLog.class);

  private static final DateTimeFormatter TIME =
      new DateTimeFormatterBuilder().appendInstant(/* fractionalDigits= */ 3).toFormatter();

  private final Path file;
  private final String run;
  private final long bytesMax;
  private final AtomicBoolean complained = new AtomicBoolean();

  FileAuditLog(Path file, String run, long bytesMax) {
    this.file = file;
    this.run = run;
    this.bytesMax = bytesMax;
  }

  @Override
  public void write(Entry entry) {
    write(line(entry));
  }

  @Override
  public void write(Exit exit) {
    write(line(exit));
  }

  private synchronized void write(Map<String, Object> fields) {
    try {
      rotate();
      append((PlainJson.text(fields) + "\n").getBytes(UTF_8));
    } catch (IOException e) {
      complain(e);
    }
  }

  /// Not a FileChannel: an interrupt that is pending in the caller would close that.
  private void append(byte[] line) throws IOException {
    PrivateFiles.makeFile(file);
    try (var out = new FileOutputStream(file.toFile(), /* append= */ true)) {
      out.write(line);
    }
  }

  private void rotate() throws IOException {
    if (Files.exists(file) && Files.size(file) >= bytesMax) {
      Files.move(file, file.resolveSibling(OLDER_FILE), REPLACE_EXISTING);
    }
  }

  private Map<String, Object> line(Entry entry) {
    return PlainJson.object(
        "time", TIME.format(entry.time()),
        "run", run,
        "by", entry.by(),
        "target", entry.target(),
        "why", entry.why(),
        "pid", entry.pid(),
        "ticks", entry.ticks(),
        "proof", entry.proof(),
        "signal", entry.signal().toString(),
        "outcome", entry.outcome());
  }

  private Map<String, Object> line(Exit exit) {
    return PlainJson.object(
        "time", TIME.format(exit.time()),
        "run", run,
        "by", exit.by(),
        "target", "exit",
        "pid", exit.pid(),
        "ticks", exit.ticks(),
        "how", exit.how());
  }

  private void complain(IOException failure) {
    if (complained.compareAndSet(false, true)) {
      LOG.warn("{} cannot be written; signals go on unrecorded", file, failure);
    }
  }
}
