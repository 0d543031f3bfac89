/// The demo: the main job on real input, then the kill.
@NullMarked
package dev.terrarium.cli.demo;

import org.jspecify.annotations.NullMarked;
