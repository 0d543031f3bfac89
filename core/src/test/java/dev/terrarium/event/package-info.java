@NullMarked
package dev.terrarium.event;

import org.jspecify.annotations.NullMarked;
