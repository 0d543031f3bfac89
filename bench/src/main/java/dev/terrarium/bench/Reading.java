package dev.terrarium.bench;

import java.util.List;
import java.util.Random;

/// What a call of middling size carries: five fields and a list of 20 numbers.
record Reading(
    long id, String station, double height, boolean valid, String unit, List<Double> values) {
  private static final int VALUES = 20;

  /// One of many that differ.
  static Reading random(Random random) {
    return new Reading(
        random.nextInt(1_000_000),
        "station " + random.nextInt(1_000),
        random.nextDouble(),
        random.nextBoolean(),
        "hPa",
        random.doubles(VALUES).boxed().toList());
  }
}
