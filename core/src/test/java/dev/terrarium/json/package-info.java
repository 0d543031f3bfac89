@NullMarked
package dev.terrarium.json;

import org.jspecify.annotations.NullMarked;
