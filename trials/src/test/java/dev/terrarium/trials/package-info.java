@NullMarked
package dev.terrarium.trials;

import org.jspecify.annotations.NullMarked;
