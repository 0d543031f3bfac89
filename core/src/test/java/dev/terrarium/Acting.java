package dev.terrarium;

import java.nio.file.Path;

/// A tool that does something else for each item of a batch.
final class Acting {
  private static final String ADAPTER =
      """
      import os, time
      from terrarium import context, tool

      @tool
      def echo(value=None):
          return value

      @tool
      def add(a, b):
          return a + b

      @tool
      def act(n, what="", path=""):
          if what == "wait":
              open(path + f".{n}", "w").close()
              while not os.path.exists(path):
                  time.sleep(0.002)
          elif what == "company":
              while not os.path.exists(path + f".{n + 1}"):
                  time.sleep(0.002)
          elif what == "sleep":
              time.sleep(0.1)
          elif what == "raise":
              raise ValueError(f"it is {n}")
          elif what == "die":
              os._exit(3)
          if what == "note" or what == "die":
              with open(path, "a") as file:
                  file.write(f"{n}\\n")
          return n
      """;

  private Acting() {}

  static PoolBuilder pool(Path directory) {
    return Trouble.pool(directory, ADAPTER).name("acting");
  }
}
