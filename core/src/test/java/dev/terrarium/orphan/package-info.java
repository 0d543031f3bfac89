@NullMarked
package dev.terrarium.orphan;

import org.jspecify.annotations.NullMarked;
