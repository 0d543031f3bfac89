/// What is done about processes that outlived whoever was to look after them.
@NullMarked
package dev.terrarium.orphan;

import org.jspecify.annotations.NullMarked;
