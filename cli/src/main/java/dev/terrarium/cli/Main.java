package dev.terrarium.cli;

import java.util.Locale;

/// The `terrarium` command.
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    Locale.setDefault(Locale.Category.FORMAT, Locale.ROOT); // numbers look the same everywhere
    System.exit(TerrariumCommand.execute(Terminal.ofProcess(), args));
  }
}
