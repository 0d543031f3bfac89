package com.google.errorprone.annotations.concurrent;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.jspecify.annotations.NullMarked;

/// In the place of Error Prone's own, which it goes by: this one gets into no class file, where
/// compilers of those who use the library would miss it, and is left out of the jar.
@NullMarked
@Retention(RetentionPolicy.SOURCE)
@Target({ElementType.FIELD, ElementType.METHOD})
public @interface GuardedBy {
  /// The lock that whoever touches this holds.
  String[] value();
}
