@NullUnmarked
package dev.terrarium.examples;

import org.jspecify.annotations.NullUnmarked;
