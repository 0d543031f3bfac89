/// What every package needs: threads that outlive whatever happens on them, and a way to slf4j that
/// keeps nobody waiting.
@NullMarked
package dev.terrarium.base;

import org.jspecify.annotations.NullMarked;
