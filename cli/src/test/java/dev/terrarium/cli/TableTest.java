package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.OutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TableTest {
  private final Terminal terminal =
      new Terminal(OutputStream.nullOutputStream(), OutputStream.nullOutputStream(), false);

  @Test
  void isAsWideAsItsCells() {
    Table table = new Table(80, "NAME", ">LINES");
    table.row("ast", "1,752");
    table.rule();
    table.row("all", "12");
    assertThat(lines(table))
        .containsExactly(
            "NAME  LINES", //
            "-----------",
            "ast   1,752",
            "-----------",
            "all      12");
  }

  @Test
  void wrapsTheWidestColumnBetweenWords() {
    Table table = new Table(30, "TOOL", "WHAT IT DOES");
    table.row("add(a, b)", "Add two numbers, and give the sum back.");
    assertThat(lines(table))
        .containsExactly(
            "TOOL       WHAT IT DOES",
            "-".repeat(30),
            "add(a, b)  Add two numbers,",
            "             and give the sum",
            "             back.");
  }

  @Test
  void cutsAWordThatIsTooLong() {
    Table table = new Table(24, "A", "B");
    table.row("x", "abcdefghijklmnopqrstuvwxyz");
    assertThat(lines(table)).allMatch(line -> line.length() <= 24);
    assertThat(String.join("", lines(table)).replace(" ", ""))
        .endsWith("xabcdefghijklmnopqrstuvwxyz");
  }

  private List<String> lines(Table table) {
    return table.lines(terminal).stream().map(line -> line.replace('\u2500', '-')).toList();
  }
}
