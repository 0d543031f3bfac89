@NullMarked
package dev.terrarium.warden;

import org.jspecify.annotations.NullMarked;
