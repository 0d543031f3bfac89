package dev.terrarium.cli;

/// The short commands one after the other, for the JVM to watch which classes they need: what the
/// launcher makes its AOT cache of.
///
/// The argument is an adapter with a tool `word_frequencies`. Where workers cannot be started the
/// cache just holds less.
final class Rehearsal {
  private Rehearsal() {}

  public static void main(String[] args) {
    String adapter = args[0];
    Terminal terminal = Terminal.ofProcess();
    perform(terminal, "version");
    perform(terminal, "status");
    perform(terminal, "orphans");
    perform(terminal, "tools", adapter);
    perform(terminal, "call", adapter, "word_frequencies", "{\"text\": \"a b a\"}");
    perform(terminal, "call", adapter, "word_frequencies", "[\"a b a\"]");
    System.exit(ExitStatus.DONE);
  }

  private static void perform(Terminal terminal, String... commandLine) {
    int _ = TerrariumCommand.execute(terminal, commandLine);
  }
}
