package dev.terrarium.cli.demo;

import dev.terrarium.cli.Table;
import dev.terrarium.cli.Terminal;
import java.util.OptionalLong;

/// For people, on 80 columns.
final class TextReport implements DemoReport {
  private static final int TOP = 10;
  private static final String INDENT = "   ";

  private final Terminal terminal;

  TextReport(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public void firstAct(int workers) {
    headline("1", "%,d Python workers, one real job".formatted(workers));
    text("Every source file of the Python standard library, parsed in Python and added");
    text("up in Java.");
    terminal.print("");
  }

  @Override
  public void started(Started started) {
    fact(
        "started",
        "%,d workers of Python %s in %s"
            .formatted(started.workers(), started.python(), seconds(started.millis())));
  }

  @Override
  public void parsed(Parsed parsed) {
    fact("parsed", "%,d files in %s".formatted(parsed.files(), seconds(parsed.millis())));
    if (parsed.skipped() > 0) {
      fact("", "%,d of them are no valid Python (test data): skipped".formatted(parsed.skipped()));
    }
    fact(
        "speed",
        "%,d files/s; empty calls: %,d/s"
            .formatted(parsed.callsPerSecond(), parsed.emptyCallsPerSecond()));
    fact("memory", megabytes(parsed.workerBytes()) + " a worker (proportional share)");
    terminal.print("");
    table(parsed.summary());
    terminal.print("");
  }

  private void table(Summary summary) {
    Table table =
        new Table(
            Table.WIDTH - INDENT.length(),
            "LARGEST MODULES",
            ">LINES",
            ">FUNCTIONS",
            ">CLASSES",
            ">DOC WORDS",
            ">LONGEST");
    summary.largest(TOP).forEach(module -> row(table, module));
    table.rule();
    var longest = summary.longest();
    table.row(
        "all %,d modules".formatted(summary.modules().size()),
        number(summary.lines()),
        number(summary.functions()),
        number(summary.classes()),
        number(summary.docwords()),
        longest.map(l -> number(l.lines())).orElse(""));
    table.lines(terminal).forEach(this::text);
    terminal.print("");
    longest.ifPresent(
        l ->
            text(
                "The longest function is %s in %s: %,d lines."
                    .formatted(l.function(), l.module(), l.lines())));
  }

  private static void row(Table table, ModuleStats module) {
    var longest = module.longest();
    table.row(
        module.module(),
        number(module.lines()),
        number(module.functions()),
        number(module.classes()),
        number(module.docwords()),
        longest == null ? "" : number(longest.lines()));
  }

  @Override
  public void secondAct(int workers) {
    headline("2", "The kill");
    text(
        "A second JVM with %,d busy workers: they compute, sleep, ignore SIGTERM; some"
            .formatted(workers));
    text("have children, some of these in a session of their own, some daemons with an");
    text("empty environment and no descriptors. Then SIGKILL to that JVM.");
    terminal.print("");
  }

  @Override
  public void busy(Busy busy) {
    fact(
        "before",
        "%,d processes: the JVM, %s, %,d workers, %,d that they started"
            .formatted(busy.processes(), helpers(busy), busy.workers(), busy.children()));
  }

  @Override
  public void killed(Killed killed) {
    boolean clean = killed.left().isEmpty();
    String color = clean ? "bold,fg(green)" : "bold,fg(red)";
    fact("left", terminal.styled(color, number(killed.left().size())));
    killed.left().forEach(process -> fact("", process));
    fact("after", "%,d ms".formatted(killed.millis()));
    terminal.print("");
    text(clean ? "Nothing escapes." : "Something escaped. That is a bug: please report it.");
  }

  private static String helpers(Busy busy) {
    return busy.helpers() == 1 ? "its warden" : busy.helpers() + " helpers";
  }

  private void headline(String number, String text) {
    terminal.print(terminal.styled("bold", number + "  " + text));
  }

  private void text(String text) {
    terminal.print(INDENT + text);
  }

  private void fact(String name, String text) {
    terminal.print(INDENT + "%-10s %s".formatted(name, text));
  }

  private static String number(long number) {
    return "%,d".formatted(number);
  }

  private static String seconds(long millis) {
    return "%.2f s".formatted(millis / 1000.0);
  }

  private static String megabytes(OptionalLong bytes) {
    return bytes.isPresent() ? "%.1f MB".formatted(bytes.getAsLong() / 1e6) : "unknown";
  }
}
