@NullMarked
package dev.terrarium.base;

import org.jspecify.annotations.NullMarked;
