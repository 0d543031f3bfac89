/// One worker's life, as a state machine with one door.
@NullMarked
package dev.terrarium.worker;

import org.jspecify.annotations.NullMarked;
