@NullMarked
package dev.terrarium.examples;

import org.jspecify.annotations.NullMarked;
