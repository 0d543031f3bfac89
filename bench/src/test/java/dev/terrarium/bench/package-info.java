@NullMarked
package dev.terrarium.bench;

import org.jspecify.annotations.NullMarked;
