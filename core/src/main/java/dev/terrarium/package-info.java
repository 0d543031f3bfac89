@NullMarked
package dev.terrarium;

import org.jspecify.annotations.NullMarked;
