package dev.terrarium.cli;

import java.nio.file.Path;

/// Where the adapters of the tests and of the examples are.
final class TestAdapters {
  static final String ECHO = of("echo.py");
  static final String BROKEN = of("broken.py");
  static final String DAEMONS = of("daemons.py");
  static final String UNIMPORTABLE = of("unimportable.py");
  static final String TEXTSTATS = example("textstats.py");

  private TestAdapters() {}

  private static String of(String name) {
    return Path.of("src/test/resources/adapters", name).toString();
  }

  private static String example(String name) {
    return Path.of("../examples/adapters", name).toString();
  }
}
