@NullMarked
package dev.terrarium.worker;

import org.jspecify.annotations.NullMarked;
