/// The Java end of the warden: the interpreter, the Python files, the helper process itself.
@NullMarked
package dev.terrarium.warden;

import org.jspecify.annotations.NullMarked;
