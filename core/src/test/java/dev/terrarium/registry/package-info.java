@NullMarked
package dev.terrarium.registry;

import org.jspecify.annotations.NullMarked;
