@NullMarked
package dev.terrarium.wire;

import org.jspecify.annotations.NullMarked;
