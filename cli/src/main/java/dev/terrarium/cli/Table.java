package dev.terrarium.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// A table for people: columns as wide as they need to be, the widest ones wrapped where the line
/// would be longer than a terminal. Columns whose title begins with `>` are aligned to the right.
public final class Table {
  /// What every terminal has.
  public static final int WIDTH = 80;

  private static final String GAP = "  ";
  private static final String CONTINUED = "  ";
  private static final int NARROWEST = 12;

  private final List<String> titles;
  private final boolean[] right;
  private final int width;
  private final List<List<String>> rows = new ArrayList<>();
  private final Set<Integer> rules = new HashSet<>();

  public Table(int width, String... titles) {
    this.width = width;
    this.titles = Arrays.stream(titles).map(title -> title.replaceFirst("^>", "")).toList();
    this.right = new boolean[titles.length];
    for (int i = 0; i < titles.length; i++) {
      right[i] = titles[i].startsWith(">");
    }
  }

  /// Adds a row.
  public void row(String... cells) {
    rows.add(List.of(cells));
  }

  /// Adds a line across: what comes after it is the sum of what came before.
  public void rule() {
    rules.add(rows.size());
  }

  /// The lines of the table and its heading.
  public List<String> lines(Terminal terminal) {
    int[] widths = widths();
    String rule = terminal.rule(Arrays.stream(widths).sum() + GAP.length() * (widths.length - 1));
    List<String> lines = new ArrayList<>();
    lines.add(terminal.styled("bold", line(titles, widths)));
    lines.add(rule);
    for (int i = 0; i < rows.size(); i++) {
      if (rules.contains(i)) {
        lines.add(rule);
      }
      lines.addAll(wrapped(rows.get(i), widths));
    }
    return lines;
  }

  private int[] widths() {
    int[] widths = new int[titles.size()];
    for (int i = 0; i < widths.length; i++) {
      int column = i;
      widths[i] = rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
      widths[i] = Math.max(widths[i], titles.get(i).length());
    }
    return shrunk(widths);
  }

  // Takes from the widest column until the line fits or nothing is left to take.
  private int[] shrunk(int[] widths) {
    int room = width - GAP.length() * (widths.length - 1);
    while (Arrays.stream(widths).sum() > room) {
      int widest = 0;
      for (int i = 1; i < widths.length; i++) {
        widest = widths[i] > widths[widest] ? i : widest;
      }
      if (widths[widest] <= NARROWEST) {
        break;
      }
      widths[widest]--;
    }
    return widths;
  }

  private List<String> wrapped(List<String> row, int[] widths) {
    List<List<String>> cells = new ArrayList<>();
    for (int i = 0; i < widths.length; i++) {
      cells.add(wrap(row.get(i), widths[i]));
    }
    int height = cells.stream().mapToInt(List::size).max().orElse(0);
    List<String> lines = new ArrayList<>();
    for (int at = 0; at < height; at++) {
      int line = at;
      lines.add(line(cells.stream().map(c -> line < c.size() ? c.get(line) : "").toList(), widths));
    }
    return lines;
  }

  private static List<String> wrap(String text, int width) {
    List<String> lines = new ArrayList<>();
    String rest = text;
    while (rest.length() > width) {
      int space = rest.lastIndexOf(' ', width);
      int end = space > CONTINUED.length() ? space : width;
      lines.add(rest.substring(0, end));
      rest = CONTINUED + rest.substring(end).strip();
    }
    lines.add(rest);
    return lines;
  }

  private String line(List<String> cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String padding = " ".repeat(Math.max(0, widths[i] - cells.get(i).length()));
      line.append(i == 0 ? "" : GAP);
      line.append(right[i] ? padding + cells.get(i) : cells.get(i) + padding);
    }
    return line.toString().stripTrailing();
  }
}
