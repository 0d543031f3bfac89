/// Measurements: what calls from Java to Python cost here, at the floor, and with what else does
/// it.
///
/// `bench/run` starts one JVM for each measurement, with [dev.terrarium.bench.Measure] as its main
/// class: one [dev.terrarium.bench.Contestant] and one workload, one line of JSON. What becomes a
/// table, and what is compared with which target, is decided in `bench/suite`.
@NullMarked
package dev.terrarium.bench;

import org.jspecify.annotations.NullMarked;
