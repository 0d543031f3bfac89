@NullMarked
package dev.terrarium.pool;

import org.jspecify.annotations.NullMarked;
