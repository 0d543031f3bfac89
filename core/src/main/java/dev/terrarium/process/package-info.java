/// Processes as the kernel knows them: identity, birthmark, signals, and the only native calls.
@NullMarked
package dev.terrarium.process;

import org.jspecify.annotations.NullMarked;
