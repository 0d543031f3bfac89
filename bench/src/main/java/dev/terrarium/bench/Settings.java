package dev.terrarium.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What one measuring JVM is told on its command line, as `key=value`.
///
/// @param contestant who is measured
/// @param workload what is done
/// @param workers how many Python processes
/// @param callers how many threads call at the same time
/// @param virtual whether these threads are virtual
/// @param bytes how large what is sent is
/// @param warmUpMillis how long the same is done before it counts
/// @param millis how long it counts
/// @param numpy whether workers have numpy loaded
/// @param python the workers' interpreter
/// @param bench the folder `bench`
record Settings(
    String contestant,
    String workload,
    int workers,
    int callers,
    boolean virtual,
    int bytes,
    int warmUpMillis,
    int millis,
    boolean numpy,
    String python,
    Path bench) {
  /// One workload, or several of the same workers: each has what the one before it has, unless it
  /// says otherwise.
  static List<Settings> all(String... args) {
    List<Settings> all = new ArrayList<>();
    Map<String, String> given = new HashMap<>();
    for (String arg : args) {
      if (arg.equals("then")) {
        all.add(of(given));
      } else {
        String[] pair = arg.split("=", 2);
        given.put(pair[0], pair[1]);
      }
    }
    all.add(of(given));
    return all;
  }

  private static Settings of(Map<String, String> given) {
    return new Settings(
        given.getOrDefault("contestant", "terrarium"),
        given.getOrDefault("workload", "echo"),
        number(given, "workers", 1),
        number(given, "callers", 1),
        Boolean.parseBoolean(given.get("virtual")),
        number(given, "bytes", 64),
        number(given, "warm-up-millis", 1_000),
        number(given, "millis", 1_000),
        Boolean.parseBoolean(given.get("numpy")),
        given.getOrDefault("python", "python3"),
        Path.of(given.getOrDefault("bench", "bench")).toAbsolutePath());
  }

  private static int number(Map<String, String> given, String key, int otherwise) {
    String value = given.get(key);
    return value == null ? otherwise : Integer.parseInt(value);
  }

  Path script(String name) {
    return bench.resolve("python").resolve(name);
  }
}
