@NullMarked
package dev.terrarium.control;

import org.jspecify.annotations.NullMarked;
