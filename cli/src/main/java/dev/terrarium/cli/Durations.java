package dev.terrarium.cli;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Durations as they stand on a command line: a number with its unit, or as ISO 8601 has them. A
/// number alone is refused: of 500 nobody can tell whether it is seconds.
final class Durations implements ITypeConverter<Duration> {
  private static final Pattern WITH_UNIT = Pattern.compile("(\\d{1,12}(?:\\.\\d{1,9})?)(ms|s|m|h)");
  private static final String ACCEPTED = "say 300ms, 1.5s, 2m, 1h or, as ISO 8601 has it, PT5S";

  @Override
  public Duration convert(String text) {
    Matcher parts = WITH_UNIT.matcher(text);
    Duration duration = parts.matches() ? of(parts.group(1), millis(parts.group(2))) : iso(text);
    if (duration.isNegative()) {
      throw refusal(text);
    }
    return duration;
  }

  private static long millis(String unit) {
    return switch (unit) {
      case "ms" -> 1;
      case "s" -> 1_000;
      case "m" -> 60_000;
      default -> 3_600_000; // the pattern knows no other
    };
  }

  private static Duration of(String number, long unitMillis) {
    BigDecimal seconds =
        new BigDecimal(number).multiply(BigDecimal.valueOf(unitMillis)).movePointLeft(3);
    long whole = seconds.longValue();
    BigDecimal rest = seconds.subtract(BigDecimal.valueOf(whole));
    return Duration.ofSeconds(whole, rest.movePointRight(9).longValue());
  }

  private static Duration iso(String text) {
    try {
      if (text.toUpperCase(Locale.ROOT).startsWith("P")) {
        return Duration.parse(text);
      }
    } catch (DateTimeParseException e) {
      throw refusal(text);
    }
    throw refusal(text);
  }

  private static TypeConversionException refusal(String text) {
    return new TypeConversionException("'%s' is no duration; %s".formatted(text, ACCEPTED));
  }

  /// Refuses what an option cannot mean.
  static Duration within(String option, Duration given, Duration least, Duration most) {
    if (given.compareTo(least) < 0 || given.compareTo(most) > 0) {
      throw new UsageException(
          "%s must be %s to %s, not %s".formatted(option, text(least), text(most), text(given)));
    }
    return given;
  }

  /// As it can be typed.
  static String text(Duration duration) {
    if (duration.toNanosPart() == 0) {
      return duration.toSeconds() + "s";
    }
    BigDecimal millis =
        BigDecimal.valueOf(duration.toSeconds())
            .movePointRight(3)
            .add(BigDecimal.valueOf(duration.toNanosPart(), 6));
    return millis.stripTrailingZeros().toPlainString() + "ms";
  }
}
