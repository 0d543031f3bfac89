/// Who gets which worker: idle workers, waiting calls, replacement.
@NullMarked
package dev.terrarium.pool;

import org.jspecify.annotations.NullMarked;
