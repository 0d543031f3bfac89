/// One call on its way, and what a pool needs of a worker: the seam between the two.
@NullMarked
package dev.terrarium.call;

import org.jspecify.annotations.NullMarked;
