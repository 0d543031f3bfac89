package dev.terrarium;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What an adapter says of one of its tools.
///
/// @param name what to call it by
/// @param doc the docstring, empty where there is none
/// @param kind how Python runs it
/// @param idempotent whether the adapter allows a second try on another worker
/// @param parameters in the order of the signature
/// @param returns the annotation's text, empty where there is none
public record ToolInfo(
    String name,
    String doc,
    Kind kind,
    boolean idempotent,
    List<Parameter> parameters,
    Optional<String> returns) {
  public ToolInfo {
    parameters = List.copyOf(parameters);
  }

  /// How Python runs a tool.
  public enum Kind {
    /// A function, which has its worker to itself.
    PLAIN,
    /// A coroutine function, of which a worker runs several at the same time.
    ASYNC,
    /// A generator function. It cannot be called: this version does not support streams.
    GENERATOR
  }

  /// How arguments reach a parameter.
  public enum ParameterKind {
    POSITIONAL_ONLY,
    POSITIONAL_OR_KEYWORD,
    KEYWORD_ONLY,
    /// `*args`.
    POSITIONAL_REST,
    /// `**kwargs`.
    KEYWORD_REST
  }

  /// One parameter.
  ///
  /// @param kind how arguments reach it
  /// @param type the annotation's text
  /// @param defaultText the default as Python's `repr` shows it
  public record Parameter(
      String name,
      ParameterKind kind,
      Optional<String> type,
      boolean required,
      Optional<String> defaultText) {}

  /// As Python would write it: `add(a: int, b: int = 1) -> int`.
  public String signature() {
    var text = new StringBuilder(name).append('(');
    @Nullable String separator = null;
    for (Parameter p : parameters) {
      text.append(separator == null ? "" : separator);
      separator = ", ";
      text.append(
          switch (p.kind()) {
            case POSITIONAL_REST -> "*";
            case KEYWORD_REST -> "**";
            case POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, KEYWORD_ONLY -> "";
          });
      text.append(p.name());
      p.type().ifPresent(t -> text.append(": ").append(t));
      p.defaultText().ifPresent(d -> text.append(" = ").append(d));
    }
    text.append(')');
    returns.ifPresent(r -> text.append(" -> ").append(r));
    return text.toString();
  }

  /// The first line of the docstring.
  public String summary() {
    return doc.lines().findFirst().orElse("").strip();
  }
}
