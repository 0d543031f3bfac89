/// Programs to copy from. Each runs as it stands, and a test runs it.
@NullMarked
package dev.terrarium.examples;

import org.jspecify.annotations.NullMarked;
