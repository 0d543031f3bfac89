package dev.terrarium;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The adapter has no tool of this name. What to do: use a name that [Pool#tools] lists.
public final class UnknownToolException extends TerrariumException {
  private static final long serialVersionUID = 1;
  private final String tool;
  private final @Nullable String nearest;

  public UnknownToolException(String pool, String tool, @Nullable String nearest) {
    super(
        "Pool '%s' has no tool '%s'%s"
            .formatted(
                pool,
                tool,
                nearest == null
                    ? "; pool.tools() lists what there is"
                    : "; did you mean '" + nearest + "'?"));
    this.tool = tool;
    this.nearest = nearest;
  }

  public String tool() {
    return tool;
  }

  /// The closest name that does exist, where one is close.
  public Optional<String> nearest() {
    return Optional.ofNullable(nearest);
  }
}
