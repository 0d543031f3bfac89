/// Trials of the promise that nothing is left: hosts that end in every way, with workers in every
/// state and children of every kind, and hosts that are killed at random moments beside strangers
/// that look like ours.
///
/// [dev.terrarium.trials.Host] is the program that ends. [dev.terrarium.trials.MatrixTrial] and
/// [dev.terrarium.trials.ChaosStrike] run one of it each, in a JVM of its own, and look at what is
/// left with eyes that share no code with the library: [dev.terrarium.trials.Scene].
/// [dev.terrarium.trials.Trials] is the command, which writes `docs/survivors.md`.
@NullMarked
package dev.terrarium.trials;

import org.jspecify.annotations.NullMarked;
