/// What every package needs: threads that outlive whatever happens on them, a way to slf4j that
/// keeps nobody waiting, and words for people.
@NullMarked
package dev.terrarium.base;

import org.jspecify.annotations.NullMarked;
