package dev.terrarium;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import org.jspecify.annotations.Nullable;

/// A type with its parameters, which a `Class` cannot express: `new TypeRef<List<Report>>() {}`.
public abstract class TypeRef<T extends @Nullable Object> {
  private final Type type;

  protected TypeRef() {
    if (!(getClass().getGenericSuperclass() instanceof ParameterizedType given)) {
      throw new IllegalArgumentException(
          "TypeRef without a type: write new TypeRef<List<Report>>() {}");
    }
    this.type = given.getActualTypeArguments()[0];
  }

  public final Type type() {
    return type;
  }
}
