package dev.terrarium.base;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// The lock that is held by whoever touches this; Error Prone, which goes by the name, sees to it.
/// In no class file, unlike its own: compilers of those who use the library would look for that.
@Retention(RetentionPolicy.SOURCE)
@Target({ElementType.FIELD, ElementType.METHOD})
public @interface GuardedBy {
  /// The lock's field.
  String value();
}
