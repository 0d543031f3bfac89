package dev.terrarium.cli;

/// A program that says how far it is, and then something else.
final class TalkOnTerminal {
  private TalkOnTerminal() {}

  public static void main(String[] args) {
    Terminal terminal = Terminal.ofProcess();
    terminal.progress("one");
    terminal.progress("two");
    terminal.say("three");
  }
}
