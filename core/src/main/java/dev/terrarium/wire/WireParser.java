package dev.terrarium.wire;

import java.math.BigDecimal;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.exc.InputCoercionException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.util.JsonParserDelegate;

/// Reads no number as another one: what is past the range of a `double` or a `float` does not
/// become infinite, and what is no number does not become a decimal. Sitting below all
/// deserializers, it sees every number, wherever it goes.
final class WireParser extends JsonParserDelegate {
  WireParser(JsonParser json) {
    super(json);
  }

  @Override
  public double getDoubleValue() {
    boolean infinite = delegate.isNaN(); // later it would say so of everything that has become it
    double number = delegate.getDoubleValue();
    if (Double.isInfinite(number) && !infinite) {
      throw pastTheRange("double");
    }
    return number;
  }

  @Override
  public float getFloatValue() {
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

  private StreamReadException pastTheRange(String type) {
    return new StreamReadException(
        this,
        "the number %s is past the range of a %s"
            .formatted(ValuePath.shortened(delegate.getString(), 60), type));
  }
}
