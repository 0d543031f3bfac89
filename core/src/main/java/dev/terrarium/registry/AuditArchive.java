package dev.terrarium.registry;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import dev.terrarium.base.Log;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.PrivateFiles;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The signals of runs that have no directory any more: `audit.jsonl` of the state directory, and
/// one older file.
///
/// Several JVMs may append at the same time: each does with one write at the end of the file.
/// Should two find it full in the same moment, the older file is the one that the slower of them
/// set aside.
final class AuditArchive {
  private static final Log LOG = Log.of(AuditArchive.class);

  private final Path file;

  private AuditArchive(Path stateDirectory) {
    this.file = stateDirectory.resolve(AuditLog.FILE);
  }

  /// Takes over what a run has written, before its directory goes. Never throws: a full disk must
  /// not keep a dead run's directory.
  static void keep(StateDirectory state, Path runDirectory) {
    var archive = new AuditArchive(state.path());
    archive.append(runDirectory.resolve(AuditLog.OLDER_FILE));
    archive.append(runDirectory.resolve(AuditLog.FILE));
  }

  private void append(Path lines) {
    try {
      OwnFiles.requireRegular(lines);
      if (Files.exists(lines) && Files.size(lines) > 0) {
        makeRoom();
        PrivateFiles.makeFile(file);
        try (var out = new FileOutputStream(file.toFile(), /* append= */ true)) {
          out.write(Files.readAllBytes(lines));
        }
      }
    } catch (IOException e) {
      LOG.warn("{} cannot be kept in {}", lines, file, e);
    }
  }

  private void makeRoom() throws IOException {
    if (Files.exists(file) && Files.size(file) > AuditLog.STATE_BYTES_MAX) {
      Files.move(file, file.resolveSibling(AuditLog.OLDER_FILE), REPLACE_EXISTING);
    }
  }
}
