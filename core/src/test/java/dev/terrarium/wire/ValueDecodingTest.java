package dev.terrarium.wire;

import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.annotation.JsonFormat;
import dev.terrarium.ValueException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Calendar;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.type.TypeFactory;

final class ValueDecodingTest {
  private static final byte[] A = {1, 2};
  private static final byte[] B = {3};

  private final ValueCodec codec = new ValueCodec();

  enum Colour {
    RED,
    GREEN
  }

  record Frequencies(Map<String, Integer> counts, @Nullable String note) {}

  @SuppressWarnings("ArrayRecordComponent")
  record Picture(String name, byte[] data, Optional<Colour> colour) {}

  record Positive(int number) {
    Positive {
      if (number <= 0) {
        throw new IllegalArgumentException("not positive: " + number);
      }
    }
  }

  record Holder(List<Positive> all) {}

  @SuppressWarnings("TypeParameterUnusedInFormals")
  private <T> @Nullable T decode(String json, Type type, byte[]... attachments) {
    return codec.decode(json.getBytes(UTF_8), List.of(attachments), type);
  }

  private @Nullable Object untyped(String json, byte[]... attachments) {
    return decode(json, Object.class, attachments);
  }

  private String mismatch(String json, Type type, byte[]... attachments) {
    Throwable thrown = catchThrowable(() -> decode(json, type, attachments));
    assertThat(thrown).isInstanceOf(ValueException.class);
    return String.valueOf(thrown.getMessage());
  }

  private String violation(String json, byte[]... attachments) {
    Throwable thrown = catchThrowable(() -> untyped(json, attachments));
    assertThat(thrown).isInstanceOf(ProtocolException.class);
    return String.valueOf(thrown.getMessage());
  }

  @Test
  void readsWithoutATypeWhatTheTableSays() {
    assertThat(untyped("null")).isNull();
    assertThat(untyped("[true,\"x\",1,2147483648,9223372036854775808,1.5,NaN,-Infinity]"))
        .isEqualTo(
            List.of(
                true,
                "x",
                1,
                2147483648L,
                new BigInteger("9223372036854775808"),
                1.5,
                Double.NaN,
                Double.NEGATIVE_INFINITY));
    assertThat(untyped("{\"b\":[],\"a\":{}}"))
        .isInstanceOf(LinkedHashMap.class)
        .isEqualTo(Map.of("b", new ArrayList<>(), "a", Map.of()))
        .extracting(map -> List.copyOf(((Map<?, ?>) map).keySet()))
        .isEqualTo(List.of("b", "a"));
  }

  @Test
  void readsIntegersOfUpToTheLimit() {
    String largest = "9".repeat(4_300);
    assertThat(untyped(largest)).isEqualTo(new BigInteger(largest));
    assertThat(untyped("-" + largest)).isEqualTo(new BigInteger("-" + largest));
    assertThat(violation(largest + "9")).contains("4300");
  }

  @Test
  void readsRecordsAndIgnoresWhatTheyDoNotKnow() {
    assertThat(
            this.<Frequencies>decode(
                "{\"counts\":{\"a\":2},\"new_field\":{\"x\":[1]}}", Frequencies.class))
        .isEqualTo(new Frequencies(Map.of("a", 2), null));
    assertThat(this.<Instant>decode("\"2026-11-21T10:00:00Z\"", Instant.class))
        .isEqualTo(Instant.parse("2026-11-21T10:00:00Z"));
    assertThat(this.<OffsetDateTime>decode("\"2026-11-21T10:00:00+02:00\"", OffsetDateTime.class))
        .isEqualTo(OffsetDateTime.parse("2026-11-21T10:00:00+02:00"));
    Type listOfPositives = new TypeReference<List<Positive>>() {}.getType();
    assertThat(this.<List<Positive>>decode("[{\"number\":1}]", listOfPositives))
        .containsExactly(new Positive(1));
    assertThat(this.<Double>decode("3", double.class)).isEqualTo(3.0);
  }

  @Test
  void putsAttachmentsWhereTheyBelong() {
    assertThat(untyped("{\"$bytes\":0}", A)).isSameAs(A);
    assertThat(untyped("[{\"$bytes\":1},{\"x\":{\"$bytes\":0}}]", A, B))
        .usingRecursiveComparison()
        .isEqualTo(List.of(B, Map.of("x", A)));
    Picture picture =
        decode("{\"name\":\"p\",\"data\":{\"$bytes\":0},\"colour\":\"RED\"}", Picture.class, A);
    assertThat(picture)
        .usingRecursiveComparison()
        .isEqualTo(new Picture("p", A, Optional.of(Colour.RED)));
    assertThat(this.<ByteBuffer>decode("{\"$bytes\":0}", ByteBuffer.class, A))
        .isEqualTo(ByteBuffer.wrap(A));
    assertThat(this.<MemorySegment>decode("{\"$bytes\":0}", MemorySegment.class, A))
        .extracting(segment -> segment.toArray(ValueLayout.JAVA_BYTE))
        .isEqualTo(A);
  }

  @Test
  void takesTheEscapeOffKeys() {
    assertThat(untyped("{\"$$bytes\":0,\"$$$\":{\"$$x\":\"$y\"}}"))
        .isEqualTo(Map.of("$bytes", 0, "$$", Map.of("$x", "$y")));
    assertThat(untyped("[\"$text\"]")).isEqualTo(List.of("$text"));
  }

  @Test
  void refusesAttachmentsThatAreNotReferredToOnceEach() {
    assertThat(violation("[{\"$bytes\":0},{\"$bytes\":0}]", A)).contains("0 is referred to twice");
    assertThat(violation("{\"$bytes\":1}", A)).isEqualTo("attachment 1 of 1");
    assertThat(violation("{\"$bytes\":0}")).isEqualTo("attachment 0 of 0");
    assertThat(violation("{\"$bytes\":-1}", A)).isEqualTo("attachment -1 of 1");
    assertThat(violation("[1]", A)).isEqualTo("attachment 0 of 1 is not referred to");
    assertThat(violation("{\"$bytes\":\"0\"}", A)).startsWith("not a reference");
    assertThat(violation("{\"$bytes\":0,\"x\":1}", A)).startsWith("not a reference");
    assertThat(violation("{\"$ref\":0}")).isEqualTo("the key \"$ref\" is not escaped");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "{", "[1,]", "nul", "{} {}", "{'a':1}", "\"\u0001\"", "01"})
  void refusesWhatIsNotJson(String json) {
    violation(json);
    Throwable typed = catchThrowable(() -> decode(json, Frequencies.class));
    assertThat(typed).isInstanceOf(ProtocolException.class);
  }

  @Test
  void refusesBrokenUtf8AndOtherEncodings() {
    for (byte[] json :
        List.of(
            new byte[] {'"', (byte) 0xff, '"'},
            new byte[] {'"', (byte) 0xc3, '"'},
            "{\"a\":1}".getBytes(UTF_16BE))) {
      assertThatThrownBy(() -> codec.decode(json, List.of(), Object.class))
          .isInstanceOf(ProtocolException.class);
    }
  }

  @Test
  void refusesDeepNesting() {
    assertThat(untyped("[".repeat(500) + "]".repeat(500))).isNotNull();
    assertThat(violation("[".repeat(501) + "]".repeat(501))).contains("500");
    assertThat(violation("[".repeat(1_000_000))).contains("500");
  }

  @Test
  void saysWhatWasExpectedAndWhatCame() {
    assertThat(mismatch("{\"counts\":[1,2,3]}", Frequencies.class))
        .isEqualTo("result.counts: expected Map, but Python sent a list of 3");
    assertThat(mismatch("{\"counts\":{\"a\":\"x\"}}", Frequencies.class))
        .isEqualTo("result.counts.a: expected Integer, but Python sent the text \"x\"");
    assertThat(mismatch("\"three\"", int.class))
        .isEqualTo("result: expected int, but Python sent the text \"three\"");
    assertThat(mismatch("[\"RED\",\"BLUE\"]", Colour[].class))
        .isEqualTo("result[1]: expected Colour [RED, GREEN], but Python sent the text \"BLUE\"");
    assertThat(mismatch("null", int.class)).contains("expected int, but Python sent None");
    assertThat(mismatch("{}", Positive.class))
        .isEqualTo("result.number: expected int, but Python sent nothing");
    assertThat(mismatch("5", Frequencies.class))
        .isEqualTo("result: expected Frequencies, but Python sent the number 5");
    assertThat(mismatch("\"soon\"", Instant.class))
        .isEqualTo("result: expected Instant, but Python sent the text \"soon\"");
    assertThat(mismatch("{\"all\":[{\"number\":1},{\"number\":-1}]}", Holder.class))
        .startsWith("result.all[1]: Python sent an object with number, and making a ")
        .contains("not positive: -1");
    assertThat(mismatch("{}", Runnable.class)).startsWith("result: ");
  }

  @Test
  void takesNothingForWhatItIsNot() {
    assertThat(mismatch("3.5", int.class)).contains("expected int, but Python sent the number 3.5");
    assertThat(mismatch("3.0", Long.class)).contains("expected Long");
    assertThat(mismatch("4294967296", int.class)).contains("expected int");
    assertThat(mismatch("9223372036854775808", long.class)).contains("expected long");
    assertThat(mismatch("\"3\"", int.class)).contains("expected int");
    assertThat(mismatch("\"3\"", double.class)).contains("expected double");
    assertThat(mismatch("5", String.class)).contains("expected String, but Python sent the number");
    assertThat(mismatch("[5]", String[].class)).startsWith("result[0]: expected String");
    Type strings = new TypeReference<List<String>>() {}.getType();
    assertThat(mismatch("[5]", strings)).startsWith("result[0]: expected String");
    assertThat(mismatch("true", int.class)).contains("Python sent True");
    assertThat(mismatch("1", boolean.class)).contains("expected boolean");
    assertThat(mismatch("0", Colour.class)).contains("expected Colour");
    assertThat(mismatch("\"\"", Frequencies.class)).contains("expected Frequencies");
    assertThat(mismatch("\"AAAA\"", byte[].class))
        .isEqualTo("result: expected byte[], but Python sent the text \"AAAA\"");
    assertThat(mismatch("{\"$bytes\":0}", String.class, A))
        .isEqualTo("result: expected String, but Python sent bytes");
    assertThat(mismatch("{\"$bytes\":0}", int.class, A)).contains("Python sent bytes");
    assertThat(mismatch("{\"$bytes\":0}", Frequencies.class, A)).contains("Python sent bytes");
  }

  record Measure(double value, @Nullable Float rough) {}

  record Price(@Nullable BigDecimal amount) {}

  @Test
  void refusesANumberThatWouldBecomeInfinite() {
    String large = "1" + "0".repeat(400);
    String shown = "1" + "0".repeat(59) + "...";
    for (Type type : List.of(double.class, Double.class)) {
      assertThat(mismatch(large, type)).startsWith("result: the integer " + shown + " is beyond");
      assertThat(mismatch("-1e400", type))
          .isEqualTo("result: the number -1e400 is past the range of a double");
    }
    for (Type type : List.of(float.class, Float.class)) {
      assertThat(mismatch("1e300", type)).contains("1e300 is past the range of a float");
      assertThat(mismatch(large, type)).contains(shown + " is beyond 2^24");
    }
    assertThat(mismatch("[1," + large + "]", double[].class))
        .startsWith("result[1]: ")
        .contains("beyond 2^53");
    assertThat(mismatch("[[1e39]]", float[][].class)).contains("range of a float");
    assertThat(mismatch("{\"value\":" + large + "}", Measure.class))
        .startsWith("result.value: ")
        .contains("beyond 2^53");
    assertThat(mismatch("{\"value\":1,\"$$k\":0,\"rough\":1e300}", Measure.class))
        .startsWith("result.rough: ")
        .contains("range of a float");
  }

  @Test
  void takesInfinityWherePythonSentIt() {
    assertThat(this.<Double>decode("-Infinity", double.class)).isNegative().isInfinite();
    assertThat(this.<Float>decode("Infinity", Float.class)).isInfinite();
    assertThat(this.<Float>decode("NaN", float.class)).isNaN();
    assertThat(this.<double[]>decode("[NaN,Infinity,1e300]", double[].class))
        .containsExactly(Double.NaN, Double.POSITIVE_INFINITY, 1e300);
    for (String other : List.of("", ",\"$$k\":0")) {
      String json = "{\"value\":Infinity,\"rough\":-Infinity" + other + "}";
      assertThat(this.<Measure>decode(json, Measure.class))
          .isEqualTo(new Measure(Double.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY));
    }
    assertThat(this.<Double>decode("1e-400", double.class)).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"NaN", "Infinity", "-Infinity"})
  void takesWhatIsNoFiniteNumberForNoDecimal(String word) {
    assertThat(mismatch(word, BigDecimal.class))
        .isEqualTo("result: expected BigDecimal, but Python sent the number " + word);
    assertThat(mismatch("[" + word + "]", BigDecimal[].class)).startsWith("result[0]: expected");
    for (String other : List.of("", ",\"$$k\":0")) {
      assertThat(mismatch("{\"amount\":" + word + other + "}", Price.class))
          .isEqualTo("result.amount: expected BigDecimal, but Python sent the number " + word);
    }
    assertThat(mismatch(word, BigInteger.class)).startsWith("result: expected BigInteger");
    assertThat(mismatch(word, Instant.class)).startsWith("result: expected ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          java.time.LocalDate      | 2026-12-01T03:04:05           | a datetime without an offset; ask for LocalDateTime, or return a date
          java.time.LocalDate      | 2026-12-01T00:00:00+02:00     | a datetime with an offset; ask for Instant, or return a date
          java.time.LocalTime      | 2026-12-01T03:04:05           | a datetime without an offset; ask for LocalDateTime, or return a time without an offset
          java.time.LocalTime      | 03:04:05+02:00                | a time with an offset; ask for OffsetTime, or return a time without an offset
          java.time.LocalDateTime  | 2026-12-01T03:04:05Z          | a datetime with an offset; ask for Instant, or return a datetime without an offset
          java.time.LocalDateTime  | 2026-12-01                    | a date; ask for LocalDate, or return a datetime without an offset
          java.time.Instant        | 2026-12-01T03:04:05           | a datetime without an offset; ask for LocalDateTime, or return a datetime with an offset
          java.time.OffsetDateTime | 2026-12-01T03:04:05Z[UTC]     | a datetime with a zone; ask for ZonedDateTime, or return a datetime with an offset
          java.time.Duration       | 03:04:05                      | a time without an offset; ask for LocalTime, or return a timedelta
          java.util.Date           | 2026-12-01T03:04:05           | a datetime without an offset; ask for LocalDateTime, or return a datetime with an offset and whole milliseconds
          java.util.Date           | 2026-12-01T03:04:05.000001Z   | a datetime with an offset; ask for Instant, or return a datetime with an offset and whole milliseconds
          java.util.Calendar       | 2026-12-01                    | a date; ask for LocalDate, or return a datetime with an offset and whole milliseconds
          java.sql.Timestamp       | 2026-12-01T03:04:05.1234+0200 | a datetime with an offset; ask for Instant, or return a datetime with an offset and whole milliseconds
          java.sql.Date            | 2026-12-01                    | a date; ask for LocalDate
          """)
  void readsATimeAsNoneThatHoldsLessOrMore(Class<?> type, String text, String why) {
    String refusal =
        "expected %s, but Python sent the text \"%s\", %s"
            .formatted(type.getSimpleName(), text, why);
    assertThat(mismatch("\"" + text + "\"", type)).isEqualTo("result: " + refusal);
    assertThat(mismatch("{\"$$k\":\"" + text + "\"}", mapOf(String.class, type)))
        .isEqualTo("result[\"$k\"]: " + refusal);
    assertThat(mismatch("{\"" + text + "\":1}", mapOf(type, int.class)))
        .isEqualTo(
            "result: expected %s, but Python sent an object with %s"
                .formatted(type.getSimpleName(), text));
  }

  private static Type mapOf(Class<?> keys, Class<?> values) {
    return TypeFactory.createDefaultInstance().constructMapType(Map.class, keys, values);
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        Instant.class,
        OffsetDateTime.class,
        ZonedDateTime.class,
        Duration.class,
        Date.class,
        Calendar.class,
        Timestamp.class
      })
  void guessesNoUnitOfANumber(Class<?> type) {
    for (String number : List.of("5", "5.5", "1e400")) {
      assertThat(mismatch(number, type))
          .startsWith("result: expected " + type.getSimpleName() + ", but Python sent the number ")
          .contains(", which has no unit; ask for a number, or return a ");
    }
    for (String other : List.of("\"5\"", "[2026,12,1]", "[]", "true", "\"\"", "{}")) {
      assertThat(mismatch(other, type)).startsWith("result: expected " + type.getSimpleName());
    }
  }

  @Test
  @SuppressWarnings("JavaUtilDate")
  void readsATimeThatFitsAsItIs() {
    assertThat(this.<LocalTime>decode("\"03:04:05.000006\"", LocalTime.class))
        .isEqualTo(LocalTime.of(3, 4, 5, 6_000));
    assertThat(this.<OffsetTime>decode("\"03:04:05+02:00\"", OffsetTime.class))
        .isEqualTo(OffsetTime.parse("03:04:05+02:00"));
    assertThat(this.<OffsetDateTime>decode("\"2026-12-01T03:04:05+0200\"", OffsetDateTime.class))
        .isEqualTo(OffsetDateTime.parse("2026-12-01T03:04:05+02:00"));
    assertThat(this.<ZonedDateTime>decode("\"2026-12-01T03:04:05Z[UTC]\"", ZonedDateTime.class))
        .isEqualTo(ZonedDateTime.parse("2026-12-01T03:04:05Z"));
    assertThat(this.<Date>decode("\"2026-12-01T03:04:05.678000+02:00\"", Date.class))
        .isEqualTo(Date.from(Instant.parse("2026-12-01T01:04:05.678Z")));
    for (Instant instant : List.of(Instant.MIN, Instant.MAX)) {
      assertThat(this.<Instant>decode("\"" + instant + "\"", Instant.class)).isEqualTo(instant);
    }
    Type byDay = mapOf(LocalDate.class, Date.class);
    assertThat(this.<Map<?, ?>>decode("{\"2026-12-01\":\"1970-01-01T00:00:00Z\"}", byDay))
        .isEqualTo(Map.of(LocalDate.parse("2026-12-01"), new Date(0)));
  }

  record Stamped(
      @JsonFormat(pattern = "dd.MM.yyyy") LocalDate day,
      @JsonFormat(shape = JsonFormat.Shape.NUMBER) Instant at,
      LocalDate other) {}

  @Test
  void readsAFormatOfTheUsersAsItSays() {
    String json = "{\"day\":\"01.12.2026\",\"at\":5,\"other\":\"2026-12-02%s\"}";
    assertThat(this.<Stamped>decode(json.formatted(""), Stamped.class))
        .isEqualTo(
            new Stamped(
                LocalDate.of(2026, 12, 1), Instant.ofEpochSecond(5), LocalDate.of(2026, 12, 2)));
    assertThat(mismatch(json.formatted("T01:00:00"), Stamped.class))
        .startsWith("result.other: expected LocalDate");
    assertThat(mismatch(json.formatted("").replace("01.12.2026", "2026-12-01"), Stamped.class))
        .isEqualTo("result.day: expected LocalDate, but Python sent the text \"2026-12-01\"");
  }

  @Test
  void saysThatAnObjectIsEmpty() {
    Type strings = new TypeReference<List<String>>() {}.getType();
    assertThat(mismatch("{}", strings))
        .isEqualTo("result: expected List, but Python sent an empty object");
  }

  @Test
  void readsManyDifferentKeys() {
    Map<String, Object> words = new LinkedHashMap<>();
    for (int i = 0; i < 200_000; i++) {
      words.put("word-" + i, i);
    }
    Object back = codec.decode(codec.encode(words).json(), List.of(), Object.class);
    assertThat(back).isEqualTo(words);
  }

  @Test
  void readsBackWhatItWrote() {
    Map<String, Object> value =
        Map.of(
            "$odd",
            List.of(1, 2.5, "x", BigInteger.TWO.pow(200)),
            "bytes",
            A,
            "m",
            Map.of("", false));
    Encoded encoded = codec.encode(value);
    Object back =
        codec.decode(
            encoded.json(),
            encoded.attachments().stream().map(ByteBuffer::array).toList(),
            Object.class);
    assertThat(back).usingRecursiveComparison().isEqualTo(value);
  }
}
