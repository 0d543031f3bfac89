package dev.terrarium.bench;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongConsumer;
import org.openjdk.jol.info.GraphLayout;

/// What a row of the ledger costs: to write it, to look it up, to keep it.
final class Ledgers {
  private static final int ROWS = 10_000;
  private static final int LOOK_UPS = 1_000_000;

  private final ProcessRegistry registry;

  private Ledgers(ProcessRegistry registry) {
    this.registry = registry;
  }

  static Map<String, Object> run() throws Exception {
    System.setProperty("jol.magicFieldOffset", "true"); // else it cannot look into records
    Path home = Files.createTempDirectory("bench-ledger-");
    Path sockets = home.resolve("terrarium-s");
    RunDirectory directory =
        RunDirectory.create(StateDirectory.at(home), RunId.generate(), Birthmark.choose(), sockets);
    try (ProcessRegistry registry = ProcessRegistry.open(directory, true)) {
      return new Ledgers(registry).measure();
    } finally {
      directory.allClear();
      directory.close();
      Files.delete(home.resolve("runs"));
      Files.delete(home);
    }
  }

  private Map<String, Object> measure() {
    for (int i = 0; i < 2; i++) { // the first time is to warm up
      each(this::reserve);
      each(this::activate);
      each(registry::release);
    }
    long empty = GraphLayout.parseInstance(registry).totalSize();
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("reserve_us", each(this::reserve));
    figures.put("activate_us", each(this::activate));
    figures.put("look_up_ns", lookUps());
    long full = GraphLayout.parseInstance(registry).totalSize();
    figures.put("row_bytes", (double) (full - empty) / ROWS);
    figures.put("release_us", each(registry::release));
    return figures;
  }

  private void reserve(long number) {
    registry.reserve(ProcessName.worker("pool", number), number);
  }

  private void activate(long number) {
    registry.activate(number, 100_000 + number, 4_711 + number, 100_000 + number);
  }

  /// The median, in microseconds.
  private static double each(LongConsumer work) {
    double[] all = new double[ROWS];
    for (int i = 0; i < ROWS; i++) {
      long begin = System.nanoTime();
      work.accept(i + 1);
      all[i] = (System.nanoTime() - begin) / 1e3;
    }
    Arrays.sort(all);
    return all[ROWS / 2];
  }

  /// The mean, in nanoseconds: one takes less than the clock can tell.
  private double lookUps() {
    String[] names = new String[ROWS];
    Arrays.setAll(names, i -> "pool-" + (i + 1));
    long found = 0;
    long begin = 0;
    for (int i = -LOOK_UPS; i < LOOK_UPS; i++) {
      begin = i == 0 ? System.nanoTime() : begin;
      found += registry.find(names[Math.floorMod(i * 7, ROWS)]).isPresent() ? 1 : 0;
    }
    double nanos = (double) (System.nanoTime() - begin) / LOOK_UPS;
    if (found != 2L * LOOK_UPS) {
      throw new WrongAnswerException("a worker was not found");
    }
    return nanos;
  }
}
