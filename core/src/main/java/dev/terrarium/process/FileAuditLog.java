package dev.terrarium.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/// Appends JSON lines to a file that the warden appends to as well: each line is one write at the
/// end of the file, and the file is opened anew for each, so that neither goes on writing to one
/// that the other has set aside. One file and its predecessor are kept.
final class FileAuditLog implements AuditLog {
  static final long BYTES_MAX = 1 << 20;

  private static final Logger LOG = LoggerFactory.getLogger(FileAuditLog.class);
  private static final JsonMapper JSON = JsonMapper.shared();

  private final Path file;
  private final AtomicBoolean complained = new AtomicBoolean();

  FileAuditLog(Path file) {
    this.file = file;
  }

  @Override
  public synchronized void write(Entry entry) {
    try {
      rotate();
      append(line(entry));
    } catch (IOException e) {
      complain(e);
    }
  }

  /// Not a FileChannel: an interrupt that is pending in the caller would close that.
  private void append(byte[] line) throws IOException {
    try (var out = new FileOutputStream(file.toFile(), /* append= */ true)) {
      out.write(line);
    }
  }

  private void rotate() throws IOException {
    if (Files.exists(file) && Files.size(file) >= BYTES_MAX) {
      Files.move(file, file.resolveSibling(file.getFileName() + ".1"), REPLACE_EXISTING);
    }
  }

  private static byte[] line(Entry entry) {
    var fields = new LinkedHashMap<String, Object>();
    fields.put("time", entry.time().toString());
    fields.put("by", entry.by());
    fields.put("why", entry.why());
    fields.put("pid", entry.pid());
    fields.put("ticks", entry.ticks());
    fields.put("proof", entry.proof());
    fields.put("signal", entry.signal().toString());
    fields.put("outcome", entry.outcome());
    return (JSON.writeValueAsString(fields) + "\n").getBytes(UTF_8);
  }

  private void complain(IOException failure) {
    if (complained.compareAndSet(false, true)) {
      LOG.warn("{} cannot be written; signals go on unrecorded", file, failure);
    }
  }
}
