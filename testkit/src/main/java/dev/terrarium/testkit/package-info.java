/// The oracle of the tests: what is left over on this machine. It reads `/proc` by itself and
/// shares no code with the library, so that no error of the library can hide from it.
@NullMarked
package dev.terrarium.testkit;

import org.jspecify.annotations.NullMarked;
