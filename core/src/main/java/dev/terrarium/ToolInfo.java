package dev.terrarium;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What an adapter says of one of its tools.
///
/// @param name what to call it by
/// @param doc the docstring, empty where there is none
/// @param kind `plain`, `async` or `generator`
/// @param idempotent whether the adapter allows a second try on another worker
/// @param parameters in the order of the signature
/// @param returns the annotation's text, empty where there is none
public record ToolInfo(
    String name,
    String doc,
    String kind,
    boolean idempotent,
    List<Parameter> parameters,
    Optional<String> returns) {
  public ToolInfo {
    parameters = List.copyOf(parameters);
  }

  /// One parameter.
  ///
  /// @param kind `positional only`, `positional or keyword`, `keyword only`, `positional rest` or
  ///   `keyword rest`
  /// @param type the annotation's text
  /// @param defaultText the default as Python's `repr` shows it
  public record Parameter(
      String name,
      String kind,
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
            case "positional rest" -> "*";
            case "keyword rest" -> "**";
            default -> "";
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
