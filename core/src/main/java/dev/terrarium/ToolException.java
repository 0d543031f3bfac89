package dev.terrarium;

/// The tool ran and raised. What to do: what the Python error says, usually fix the argument.
public final class ToolException extends TerrariumException {
  private static final long serialVersionUID = 1;

  /// What Python raised.
  ///
  /// @param type the class, with its module unless it is a builtin: `ValueError`,
  ///   `json.decoder.JSONDecodeError`
  /// @param message the exception's text, may be empty
  /// @param traceback as Python prints it, from the tool's own frames down
  public record PythonError(String type, String message, String traceback)
      implements java.io.Serializable {}

  private final PythonError python;

  public ToolException(String tool, PythonError python) {
    super(
        "Tool '%s' raised %s: %s%n%s"
            .formatted(tool, python.type(), python.message(), python.traceback().stripTrailing()));
    this.python = python;
  }

  public PythonError python() {
    return python;
  }
}
