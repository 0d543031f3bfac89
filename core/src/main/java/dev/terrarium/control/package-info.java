/// Questions to a running host, by its control socket, and the answers.
@NullMarked
package dev.terrarium.control;

import org.jspecify.annotations.NullMarked;
