/// Programs to copy from. Each runs as it stands, and a test runs it. Written as by those who check
/// for null no further than they have to: these tools return no None.
@NullUnmarked
package dev.terrarium.examples;

import org.jspecify.annotations.NullUnmarked;
