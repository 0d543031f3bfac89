@NullMarked
package dev.terrarium.testkit;

import org.jspecify.annotations.NullMarked;
