/// What happens in a runtime, for whoever observes it.
@NullMarked
package dev.terrarium.event;

import org.jspecify.annotations.NullMarked;
