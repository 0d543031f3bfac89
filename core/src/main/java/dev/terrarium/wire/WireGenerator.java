package dev.terrarium.wire;

import static dev.terrarium.wire.Limits.INTEGER_DIGITS_MAX;

import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.Base64Variant;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.SerializableString;
import tools.jackson.core.util.JsonGeneratorDelegate;
import tools.jackson.databind.DatabindException;

/// Writes what the wire adds to JSON: bytes as `{"$bytes": i}`, decimals as `{"$decimal": text}`,
/// one more `$` before a key's own, and refuses integers that Python would not read. Sitting below
/// all serializers, it sees every key and every byte array, however they came about.
final class WireGenerator extends JsonGeneratorDelegate {
  /// Numbers of fewer bits have no more than `INTEGER_DIGITS_MAX` digits.
  private static final int INTEGER_BITS_SURE = (int) (INTEGER_DIGITS_MAX / Math.log10(2));

  private final @Nullable List<ByteBuffer> attachments;
  private final Loan loan;

  private WireGenerator(JsonGenerator json, @Nullable List<ByteBuffer> attachments, Loan loan) {
    super(json, /* delegateCopyMethods= */ false);
    this.attachments = attachments;
    this.loan = loan;
  }

  /// For users' values.
  static WireGenerator withAttachments(JsonGenerator json, Loan loan) {
    return new WireGenerator(json, new ArrayList<>(0), loan);
  }

  /// For control messages, which have no attachments: bytes are refused and keys stay as they are.
  static WireGenerator plain(JsonGenerator json) {
    return new WireGenerator(json, null, Loan.NONE);
  }

  List<ByteBuffer> attachments() {
    return attachments == null ? List.of() : attachments;
  }

  /// Writes a reference to `bytes`, which become an attachment.
  ///
  /// @param lasting what travels in the frame: the same bytes, in memory that outlives this call
  void attach(MemorySegment bytes, Supplier<ByteBuffer> lasting) {
    if (attachments == null) {
      throw refusal("bytes cannot be sent here");
    }
    if (bytes.byteSize() > Limits.ATTACHMENT_BYTES_MAX) {
      throw refusal(
          "%,d bytes, the limit is %,d".formatted(bytes.byteSize(), Limits.ATTACHMENT_BYTES_MAX));
    }
    if (attachments.size() == Limits.ATTACHMENTS_MAX) {
      throw refusal("more than %,d byte arrays in one call".formatted(Limits.ATTACHMENTS_MAX));
    }
    delegate.writeRawValue("{\"$bytes\":" + attachments.size() + '}');
    attachments.add(loan.lend(attachments.size(), bytes).orElseGet(lasting));
  }

  /// Thrown through the serializers, each of which adds its part of the path.
  DatabindException refusal(String problem) {
    return DatabindException.from(this, problem);
  }

  @Override
  public JsonGenerator writeName(String name) {
    delegate.writeName(escaped(name) ? '$' + name : name);
    return this;
  }

  @Override
  public JsonGenerator writeName(SerializableString name) {
    if (escaped(name.getValue())) {
      delegate.writeName('$' + name.getValue());
    } else {
      delegate.writeName(name);
    }
    return this;
  }

  private boolean escaped(String name) {
    return attachments != null && name.startsWith("$");
  }

  @Override
  public JsonGenerator writeBinary(Base64Variant variant, byte[] data, int offset, int length) {
    MemorySegment bytes = MemorySegment.ofArray(data).asSlice(offset, length);
    attach(bytes, () -> ByteBuffer.wrap(data, offset, length));
    return this;
  }

  @Override
  public JsonGenerator writeNumber(BigInteger number) {
    checkDigits(number);
    delegate.writeNumber(number);
    return this;
  }

  /// As `{"$decimal": text}`: a number of JSON would be a float in Python, as near as that comes.
  @Override
  public JsonGenerator writeNumber(BigDecimal number) {
    checkDigits(number.unscaledValue());
    if (attachments == null) {
      delegate.writeNumber(requireFloat(number));
    } else {
      delegate.writeRawValue("{\"$decimal\":\"" + number + "\"}");
    }
    return this;
  }

  private double requireFloat(BigDecimal number) {
    double nearest = number.doubleValue();
    boolean same = Double.isFinite(nearest) && BigDecimal.valueOf(nearest).compareTo(number) == 0;
    if (!same) {
      throw refusal("a decimal that Python's float cannot hold; send it as text");
    }
    return nearest;
  }

  private void checkDigits(BigInteger number) {
    if (number.bitLength() >= INTEGER_BITS_SURE
        && number.abs().compareTo(BigInteger.TEN.pow(INTEGER_DIGITS_MAX)) >= 0) {
      throw refusal("an integer of more than %,d digits".formatted(INTEGER_DIGITS_MAX));
    }
  }
}
