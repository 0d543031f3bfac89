/// JSON of plain values, read and written without data binding.
@NullMarked
package dev.terrarium.json;

import org.jspecify.annotations.NullMarked;
