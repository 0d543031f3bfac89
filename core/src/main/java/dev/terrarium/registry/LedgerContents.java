package dev.terrarium.registry;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What a ledger on disk says.
///
/// @param identity whose it is, as each of its lines repeats; empty where it has none
/// @param rows workers that were not released
/// @param problems lines that had to be skipped, and an end that was cut off, for people
public record LedgerContents(
    Optional<RunIdentity> identity, List<WorkerRow> rows, List<String> problems) {
  public LedgerContents {
    rows = List.copyOf(rows);
    problems = List.copyOf(problems);
  }

  /// Never fails for what the file holds; a missing file is an empty ledger.
  static LedgerContents read(Path file) throws IOException {
    try {
      return new Reading().of(OwnFiles.read(file));
    } catch (NoSuchFileException e) {
      return new LedgerContents(Optional.empty(), List.of(), List.of());
    }
  }

  private static final class Reading {
    private final Map<Long, WorkerRow> rows = new LinkedHashMap<>();
    private final List<String> problems = new ArrayList<>();
    private Optional<RunIdentity> identity = Optional.empty();

    LedgerContents of(String text) {
      int end = text.lastIndexOf('\n') + 1;
      List<String> lines = text.substring(0, end).lines().toList();
      for (int i = 0; i < lines.size(); i++) {
        line(i + 1, lines.get(i));
      }
      if (end < text.length()) {
        problems.add("the last line is unfinished and was cut off");
      }
      return new LedgerContents(identity, List.copyOf(rows.values()), problems);
    }

    private void line(int place, String line) {
      try {
        apply(LedgerLine.parse(line));
      } catch (IllegalArgumentException e) {
        problems.add("line %d skipped: %s".formatted(place, e.getMessage()));
      }
    }

    private void apply(LedgerLine line) {
      switch (line) {
        case LedgerLine.Reserve(var row) -> {
          rows.put(row.number(), row);
          identity = Optional.of(row.origin());
        }
        case LedgerLine.Activate(var number, var activation) ->
            rows.put(number, reserved(number).activated(activation));
        case LedgerLine.Release(var number, _) -> rows.remove(number);
      }
    }

    private WorkerRow reserved(long number) {
      WorkerRow row = rows.get(number);
      if (row == null) {
        throw new IllegalArgumentException("worker %d was never reserved".formatted(number));
      }
      return row;
    }
  }
}
