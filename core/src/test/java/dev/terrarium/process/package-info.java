@NullMarked
package dev.terrarium.process;

import org.jspecify.annotations.NullMarked;
