package dev.terrarium.cli.demo;

import dev.terrarium.base.Count;
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
    headline("1", Count.grouped(workers, "Python worker", "Python workers") + ", one real job");
    text("Every source file of the Python standard library, parsed in Python and added");
    text("up in Java.");
    terminal.print("");
  }

  @Override
  public void started(Started started) {
    fact(
        "started",
        "%s of Python %s in %s"
            .formatted(
                Count.grouped(started.workers(), "worker", "workers"),
                started.python(),
                seconds(started.millis())));
  }

  @Override
  public void parsed(Parsed parsed) {
    fact(
        "parsed",
        "%s in %s"
            .formatted(Count.grouped(parsed.files(), "file", "files"), seconds(parsed.millis())));
    if (parsed.skipped() > 0) {
      String skipped = Count.grouped(parsed.skipped(), "of them is", "of them are");
      fact("", skipped + " no valid Python (test data): skipped");
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
        "sum of " + Count.grouped(summary.modules().size(), "module", "modules"),
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
                "The longest function is %s in %s: %s."
                    .formatted(
                        l.function(), l.module(), Count.grouped(l.lines(), "line", "lines"))));
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
        "A second JVM with %s: they compute, sleep, ignore SIGTERM; some"
            .formatted(Count.grouped(workers, "busy worker", "busy workers")));
    text("have children, some of these in a session of their own, some daemons with an");
    text("empty environment and no descriptors. Then SIGKILL to that JVM.");
    terminal.print("");
  }

  @Override
  public void busy(Busy busy) {
    fact(
        "before",
        "%s: the JVM, %s, %s, %,d that they started"
            .formatted(
                Count.grouped(busy.processes(), "process", "processes"),
                helpers(busy),
                Count.grouped(busy.workers(), "worker", "workers"),
                busy.children()));
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
    return busy.helpers() == 1 ? "its warden" : Count.grouped(busy.helpers(), "helper", "helpers");
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
