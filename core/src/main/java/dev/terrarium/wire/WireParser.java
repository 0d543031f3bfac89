package dev.terrarium.wire;

import java.math.BigDecimal;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.TreeNode;
import tools.jackson.core.exc.InputCoercionException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.type.ResolvedType;
import tools.jackson.core.type.TypeReference;
import tools.jackson.core.util.JsonParserDelegate;

/// Reads no number as another one: what is past the range of a `double` or a `float` does not
/// become infinite, an integer or a decimal does not lose digits in one, and what is no number does
/// not become a decimal. Sitting below all deserializers, it sees every number, wherever it goes.
final class WireParser extends JsonParserDelegate {
  /// The largest integers up to which a `double` and a `float` hold all others.
  private static final long DOUBLE_EXACT_MAX = 1L << 53;

  private static final long FLOAT_EXACT_MAX = 1L << 24;

  WireParser(JsonParser json) {
    super(json);
  }

  @Override
  public double getDoubleValue() {
    requireExact("double", DOUBLE_EXACT_MAX);
    boolean infinite = delegate.isNaN(); // later it would say so of everything that has become it
    double number = delegate.getDoubleValue();
    if (Double.isInfinite(number) && !infinite) {
      throw pastTheRange("double");
    }
    return number;
  }

  @Override
  public float getFloatValue() {
    requireExact("float", FLOAT_EXACT_MAX);
    boolean infinite = delegate.isNaN();
    float number = delegate.getFloatValue();
    if (Float.isInfinite(number) && !infinite) {
      throw pastTheRange("float");
    }
    return number;
  }

  @Override
  public BigDecimal getDecimalValue() {
    if (delegate.isNaN()) {
      throw new InputCoercionException(
          this, "no decimal", JsonToken.VALUE_NUMBER_FLOAT, BigDecimal.class);
    }
    return delegate.getDecimalValue();
  }

  // The parser below would read on for itself, without all this.

  @Override
  public <T> T readValueAs(Class<T> type) {
    return objectReadContext().readValue(this, type);
  }

  @Override
  public <T> T readValueAs(TypeReference<T> type) {
    return objectReadContext().readValue(this, type);
  }

  @Override
  @SuppressWarnings("TypeParameterUnusedInFormals") // Jackson's
  public <T> T readValueAs(ResolvedType type) {
    return objectReadContext().readValue(this, type);
  }

  @Override
  @SuppressWarnings("TypeParameterUnusedInFormals")
  public <T extends TreeNode> T readValueAsTree() {
    return objectReadContext().readTree(this);
  }

  private void requireExact(String type, long max) {
    if (delegate.hasToken(JsonToken.VALUE_NUMBER_INT)) {
      boolean exact =
          delegate.getNumberType() != NumberType.BIG_INTEGER
              && Math.abs(delegate.getLongValue()) <= max
              && delegate.getLongValue() != Long.MIN_VALUE;
      if (!exact) {
        throw new StreamReadException(
            this,
            "the integer %s is beyond 2^%d, where a %s loses digits; ask for long or BigInteger, or return a float"
                .formatted(text(), Long.numberOfTrailingZeros(max), type));
      }
    } else if (delegate.getNumberType() == NumberType.BIG_DECIMAL) {
      throw new StreamReadException(
          this,
          "the decimal %s may lose digits in a %s; ask for BigDecimal, or return a float"
              .formatted(text(), type));
    }
  }

  private String text() {
    return ValuePath.shortened(delegate.getString(), 60);
  }

  private StreamReadException pastTheRange(String type) {
    return new StreamReadException(
        this, "the number %s is past the range of a %s".formatted(text(), type));
  }
}
