package dev.terrarium.base;

import java.util.Collection;
import java.util.function.Consumer;

/// Does something to each of several, whatever becomes of the others.
public final class Each {
  private Each() {}

  /// Goes through all of them. What one throws keeps no other from its turn; the last that was
  /// thrown is thrown again at the end.
  public static <T> void of(Collection<T> all, Consumer<? super T> action) {
    RuntimeException failure = null;
    Error error = null;
    for (T one : all) {
      try {
        action.accept(one);
      } catch (RuntimeException e) {
        failure = e;
      } catch (Error e) {
        error = e;
      }
    }
    if (error != null) {
      throw error;
    }
    if (failure != null) {
      throw failure;
    }
  }
}
