package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.util.Arrays;

/// A program that is killed: starts a pool of a given size, puts workers to work as told (`idle` is
/// no work; a tool whose name ends with `...` is left running, and touches a file of its name), and
/// then answers calls until its end, a line each. The environment may name each [Isolation].
final class Victim {
  static final String ISOLATION = "ISOLATION";

  private Victim() {}

  public static void main(String[] arguments) throws InterruptedException {
    Path files = Path.of(arguments[1]);
    Terrarium runtime = Endings.runtime(Path.of(arguments[0]));
    Pool pool =
        Endings.pool(runtime)
            .adapter(Endings.adapter(arguments[2]))
            .size(Integer.parseInt(arguments[3]))
            .environment("STARTED", files.toString())
            .isolation(isolation())
            .start();
    Arrays.stream(arguments).skip(4).forEach(tool -> work(pool, tool, files));
    System.out.println("ready");
    for (int i = 1; ; i++) {
      Thread.sleep(20);
      System.out.println("answer " + i + " " + answer(pool));
    }
  }

  private static Isolation[] isolation() {
    String named = System.getenv(ISOLATION);
    return named == null
        ? new Isolation[0]
        : Arrays.stream(named.split(",", -1)).map(Isolation::valueOf).toArray(Isolation[]::new);
  }

  private static void work(Pool pool, String tool, Path files) {
    if (tool.endsWith("...")) {
      String name = tool.substring(0, tool.length() - 3);
      String file = files.resolve(name).toString();
      var _ = pool.tool(name).args(file).callAsync(Object.class);
      Endings.awaitFile(files.resolve(name));
    } else if (!tool.equals("idle")) {
      pool.tool(tool).call(Object.class);
    }
  }

  private static Object answer(Pool pool) {
    try {
      return requireNonNull(pool.tool("pid").call(Long.class));
    } catch (TerrariumException e) {
      return e;
    }
  }
}
