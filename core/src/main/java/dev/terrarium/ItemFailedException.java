package dev.terrarium;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/// One item of a batch failed, and the rest was stopped. The cause is what a call of its own would
/// have thrown, one of the other exceptions here.
///
/// ```java
/// catch (ItemFailedException e) {
///   switch (e.getCause()) {
///     case ToolException raised -> skip(e.item(), raised.python());
///     default -> throw e;
///   }
/// }
/// ```
///
/// What to do: what the cause says. To go on from there, start another batch behind [#index]; to go
/// on in spite of failures, let the tool return them as values.
public final class ItemFailedException extends TerrariumException {
  private static final long serialVersionUID = 1;

  /// Characters of an item's text in the message.
  static final int ITEM_TEXT_MAX = 100;

  private final transient @Nullable Object item;
  private final long index;

  public ItemFailedException(
      String tool, @Nullable Object item, long index, TerrariumException cause) {
    super(
        "Item %d of a batch of '%s' failed, and the rest was stopped; the item: %s; the failure: %s"
            .formatted(index, tool, text(item), cause.getMessage()),
        cause);
    this.item = item;
    this.index = index;
  }

  /// The source's element, as it came from there; null after serialization.
  public @Nullable Object item() {
    return item;
  }

  /// Its number in the source, from 0.
  public long index() {
    return index;
  }

  /// The failure itself.
  @Override
  public synchronized TerrariumException getCause() {
    return (TerrariumException) requireNonNull(super.getCause());
  }

  private static String text(@Nullable Object item) {
    try {
      String whole = String.valueOf(item);
      return whole.length() <= ITEM_TEXT_MAX ? whole : whole.substring(0, ITEM_TEXT_MAX) + "…";
    } catch (RuntimeException e) { // the user's toString must not hide the failure
      return "a " + (item == null ? "null" : item.getClass().getName());
    }
  }
}
