package dev.terrarium.wire;

import static java.time.format.DateTimeFormatter.ISO_LOCAL_DATE_TIME;

import com.fasterxml.jackson.annotation.JsonFormat;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.YearMonth;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.BeanDescription;
import tools.jackson.databind.BeanProperty;
import tools.jackson.databind.DeserializationConfig;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.KeyDeserializer;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.deser.ValueDeserializerModifier;
import tools.jackson.databind.deser.std.DelegatingDeserializer;
import tools.jackson.databind.util.StdDateFormat;

/// Which texts are which times. Left alone, Jackson drops the time of day of what is read as a date
/// and the microseconds of what is read as a `java.util.Date`, takes UTC for a zone that nobody
/// named, and seconds or milliseconds for a number's unit. Each type is read here from the text
/// that holds what it holds, neither more nor less, and from nothing else.
///
/// What says a format of the user's, by an annotation or on his mapper, is read as it says.
final class Times {
  /// As Python's `isoformat()` and `java.time` write them.
  private enum Form {
    DATE("a date", LocalDate.class, LocalDate::parse),
    TIME("a time without an offset", LocalTime.class, LocalTime::parse),
    OFFSET_TIME("a time with an offset", OffsetTime.class, OffsetTime::parse),
    DATETIME("a datetime without an offset", LocalDateTime.class, LocalDateTime::parse),
    MOMENT("a datetime with an offset", Instant.class, Times::moment),
    MILLIS("a datetime with an offset and whole milliseconds", Instant.class, Times::millis),
    ZONED("a datetime with a zone", ZonedDateTime.class, ZonedDateTime::parse),
    DURATION("a timedelta", Duration.class, Duration::parse),
    YEAR_MONTH("a year and a month", YearMonth.class, YearMonth::parse),
    MONTH_DAY("a month and a day", MonthDay.class, MonthDay::parse);

    private final String words;
    private final Class<?> type;

    @SuppressWarnings("ImmutableEnumChecker") // these functions are
    private final Function<String, ?> parser;

    Form(String words, Class<?> type, Function<String, ?> parser) {
      this.words = words;
      this.type = type;
      this.parser = parser;
    }

    boolean fits(String text) {
      try {
        var _ = parser.apply(text);
        return true;
      } catch (DateTimeException e) {
        return false;
      }
    }
  }

  /// By the names of the types, for a program may lack the modules of some. The first form is the
  /// one to return. A `java.sql.Date` has none: Jackson makes it of midnight in UTC, which is the
  /// day before in half the world.
  private static final Map<String, List<Form>> WANTED =
      Map.ofEntries(
          Map.entry("java.time.LocalDate", List.of(Form.DATE)),
          Map.entry("java.time.LocalTime", List.of(Form.TIME)),
          Map.entry("java.time.OffsetTime", List.of(Form.OFFSET_TIME)),
          Map.entry("java.time.LocalDateTime", List.of(Form.DATETIME)),
          Map.entry("java.time.Instant", List.of(Form.MOMENT)),
          Map.entry("java.time.OffsetDateTime", List.of(Form.MOMENT)),
          Map.entry("java.time.ZonedDateTime", List.of(Form.MOMENT, Form.ZONED)),
          Map.entry("java.time.Duration", List.of(Form.DURATION)),
          Map.entry("java.time.YearMonth", List.of(Form.YEAR_MONTH)),
          Map.entry("java.time.MonthDay", List.of(Form.MONTH_DAY)),
          Map.entry("java.util.Date", List.of(Form.MILLIS)),
          Map.entry("java.util.Calendar", List.of(Form.MILLIS)),
          Map.entry("java.util.GregorianCalendar", List.of(Form.MILLIS)),
          Map.entry("java.sql.Timestamp", List.of(Form.MILLIS)),
          Map.entry("java.sql.Date", List.of()),
          Map.entry("javax.xml.datatype.XMLGregorianCalendar", List.of(Form.MILLIS)));

  private static final DateTimeFormatter WITH_OFFSET =
      new DateTimeFormatterBuilder()
          .append(ISO_LOCAL_DATE_TIME)
          .appendPattern("[XXXXX][XXXX]") // +02:00 or, as Python's "%z" has it, +0200
          .toFormatter();

  private Times() {}

  private static Instant moment(String text) {
    return text.endsWith("Z")
        ? Instant.parse(text) // has more years than the other one
        : WITH_OFFSET.parse(text, OffsetDateTime::from).toInstant();
  }

  private static Instant millis(String text) {
    Instant moment = moment(text);
    if (!moment.truncatedTo(ChronoUnit.MILLIS).equals(moment)) {
      throw new DateTimeException("not whole milliseconds");
    }
    return moment;
  }

  /// What an error message says after "expected that type, but Python sent this": what this is, and
  /// what to do about it. Empty where there is nothing to say.
  static String remedy(Class<?> wanted, JsonNode sent) {
    List<Form> forms = WANTED.get(wanted.getName());
    if (forms == null) {
      return "";
    }
    String returned = forms.isEmpty() ? "" : ", or return " + forms.getFirst().words;
    if (sent.isNumber()) {
      return ", which has no unit; ask for a number" + returned;
    }
    return formOf(sent)
        .filter(form -> !forms.contains(form))
        .map(
            form -> ", %s; ask for %s%s".formatted(form.words, form.type.getSimpleName(), returned))
        .orElse("");
  }

  private static Optional<Form> formOf(JsonNode sent) {
    return sent.isString()
        ? Arrays.stream(Form.values()).filter(form -> form.fits(sent.stringValue())).findFirst()
        : Optional.empty();
  }

  /// Puts a guard before Jackson's own deserializers of these types, and no others.
  static final class Guards extends ValueDeserializerModifier {
    private static final long serialVersionUID = 1L;

    @Override
    public ValueDeserializer<?> modifyDeserializer(
        DeserializationConfig config,
        BeanDescription.Supplier bean,
        ValueDeserializer<?> deserializer) {
      return isGuarded(config, bean.getBeanClass(), deserializer)
          ? new Guard(deserializer)
          : deserializer;
    }

    @Override
    public KeyDeserializer modifyKeyDeserializer(
        DeserializationConfig config, JavaType type, KeyDeserializer deserializer) {
      return isGuarded(config, type.getRawClass(), deserializer)
          ? new KeyGuard(type.getRawClass(), deserializer)
          : deserializer;
    }

    private static boolean isGuarded(
        DeserializationConfig config, Class<?> type, @Nullable Object deserializer) {
      List<Form> forms = WANTED.get(type.getName());
      if (forms == null || deserializer == null || WireModule.isOfTheUsers(deserializer)) {
        return false;
      }
      boolean byDateFormat = forms.isEmpty() || forms.contains(Form.MILLIS);
      // A zone of the user's makes it another one, too.
      return !byDateFormat || config.getDateFormat().equals(StdDateFormat.instance);
    }
  }

  private static boolean fits(Class<?> type, String text) {
    return WANTED.getOrDefault(type.getName(), List.of()).stream().anyMatch(it -> it.fits(text));
  }

  private static final class Guard extends DelegatingDeserializer {
    Guard(ValueDeserializer<?> guarded) {
      super(guarded);
    }

    @Override
    protected ValueDeserializer<?> newDelegatingInstance(ValueDeserializer<?> guarded) {
      return new Guard(guarded);
    }

    @Override
    public ValueDeserializer<?> createContextual(
        DeserializationContext context, @Nullable BeanProperty property) {
      ValueDeserializer<?> guard = super.createContextual(context, property);
      return isOfTheUsers(findFormatOverrides(context, property, handledType()))
          ? guard.getDelegatee()
          : guard;
    }

    private static boolean isOfTheUsers(JsonFormat.Value format) {
      boolean shape = format.hasShape() && format.getShape() != JsonFormat.Shape.STRING;
      return shape || format.hasPattern() || format.hasTimeZone();
    }

    @Override
    public @Nullable Object deserialize(JsonParser json, DeserializationContext context) {
      if (json.hasToken(JsonToken.START_ARRAY)) {
        return _deserializeFromArray(json, context); // which a user's mapper may allow
      }
      if (!json.hasToken(JsonToken.VALUE_STRING)) {
        return context.handleUnexpectedToken(handledType(), json);
      }
      String text = json.getString();
      return fits(handledType(), text)
          ? super.deserialize(json, context)
          : context.handleWeirdStringValue(handledType(), text, "it holds more or less than that");
    }
  }

  private static final class KeyGuard extends KeyDeserializer {
    private final Class<?> type;
    private final KeyDeserializer guarded;

    KeyGuard(Class<?> type, KeyDeserializer guarded) {
      this.type = type;
      this.guarded = guarded;
    }

    @Override
    public @Nullable Object deserializeKey(String key, DeserializationContext context) {
      return fits(type, key)
          ? guarded.deserializeKey(key, context)
          : context.handleWeirdKey(type, key, "it holds more or less than that");
    }
  }
}
