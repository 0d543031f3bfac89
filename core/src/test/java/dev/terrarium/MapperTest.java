package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TimeZone;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.DefaultTyping;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.cfg.DateTimeFeature;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.deser.std.StdDeserializer;
import tools.jackson.databind.introspect.AnnotatedMember;
import tools.jackson.databind.introspect.AnnotatedParameter;
import tools.jackson.databind.introspect.NopAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.jsontype.BasicPolymorphicTypeValidator;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.ser.std.StdSerializer;

/// Pools with a mapper of the user's: how objects look is his choice, and what the guide's table of
/// values says holds all the same.
@Timeout(90)
final class MapperTest {
  private static final String ADAPTER =
      """
      from terrarium import tool, on_start

      started = []

      @on_start
      def begin(options):
          started.append(options)

      @tool
      def options():
          return started[0]

      @tool
      def echo(value):
          return value

      @tool
      def described(value):
          return f"{type(value).__name__} {value!r}"

      @tool
      def both(value, other):
          return [value, other]

      @tool
      def made(text):
          return eval(text)
      """;

  @TempDir private static Path directory;
  private static Terrarium runtime;

  @BeforeAll
  static void start() {
    runtime = Terrarium.start();
  }

  @AfterAll
  static void close() {
    runtime.close();
  }

  private static PoolBuilder pool(JsonMapper mapper) {
    return Trouble.pool(directory, ADAPTER).runtime(runtime).mapper(mapper);
  }

  private static String described(Pool pool, @Nullable Object value) {
    return String.valueOf(pool.tool("described").args(value).call(String.class));
  }

  /// Somebody else's class: nothing to construct it with, no properties.
  static final class Money {
    private final String text;

    private Money(String text) {
      this.text = text;
    }

    static Money of(String text) {
      return new Money(text);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Money money && money.text.equals(text);
    }

    @Override
    public int hashCode() {
      return Objects.hash(text);
    }

    @Override
    public String toString() {
      return text;
    }
  }

  record Bill(Money total, Map<Money, Integer> parts) {}

  private static SimpleModule money() {
    return new SimpleModule("money")
        .addSerializer(
            Money.class,
            new StdSerializer<>(Money.class) {
              @Override
              public void serialize(Money money, JsonGenerator json, SerializationContext context) {
                json.writeString(money.text);
              }
            })
        .addKeySerializer(
            Money.class,
            new StdSerializer<>(Money.class) {
              @Override
              public void serialize(Money money, JsonGenerator json, SerializationContext context) {
                json.writeName(money.text);
              }
            })
        .addDeserializer(
            Money.class,
            new StdDeserializer<>(Money.class) {
              @Override
              public Money deserialize(JsonParser json, DeserializationContext context) {
                return Money.of(json.readValueAs(String.class));
              }
            })
        .addKeyDeserializer(
            Money.class,
            new tools.jackson.databind.KeyDeserializer() {
              @Override
              public Object deserializeKey(String key, DeserializationContext context) {
                return Money.of(key);
              }
            });
  }

  @Test
  void aModuleCarriesAClassThatHasNoConstructorOfItsOwn() {
    JsonMapper mapper = JsonMapper.builder().addModule(money()).build();
    try (Pool pool = pool(mapper).start()) {
      assertThat(described(pool, Money.of("3 EUR"))).isEqualTo("str '3 EUR'");
      assertThat(pool.tool("echo").args(Money.of("3 EUR")).call(Money.class))
          .isEqualTo(Money.of("3 EUR"));
      var bill = new Bill(Money.of("5 EUR"), Map.of(Money.of("2 EUR"), 1));
      assertThat(described(pool, bill)).isEqualTo("dict {'total': '5 EUR', 'parts': {'2 EUR': 1}}");
      assertThat(pool.tool("echo").args(bill).call(Bill.class)).isEqualTo(bill);
      assertThat(pool.tool("echo").args(List.of(bill)).callAsync(new TypeRef<List<Bill>>() {}))
          .succeedsWithin(Trouble.PATIENCE)
          .isEqualTo(List.of(bill));
      assertThat(
              pool.tool("echo")
                  .map(Stream.of(bill, bill), each -> Map.of("value", each), Bill.class)
                  .toList())
          .containsExactly(bill, bill);
    }
  }

  @Test
  void otherPoolsOfTheRuntimeKnowNothingOfIt() {
    JsonMapper mapper = JsonMapper.builder().addModule(money()).build();
    try (Pool with = pool(mapper).name("with").start();
        Pool without = Trouble.pool(directory, ADAPTER).runtime(runtime).name("without").start()) {
      assertThat(described(with, Money.of("1"))).isEqualTo("str '1'");
      assertThat(failure(ValueException.class, () -> described(without, Money.of("1"))))
          .hasMessageContaining("it has no properties");
    }
  }

  record Person(String firstName, @Nullable Integer ageInYears) {}

  @Test
  void aNamingStrategyHoldsInBothDirectionsAndInErrors() {
    JsonMapper mapper =
        JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();
    try (Pool pool = pool(mapper).start()) {
      var ada = new Person("Ada", 36);
      assertThat(described(pool, ada)).contains("'first_name': 'Ada'", "'age_in_years': 36");
      assertThat(pool.tool("echo").args(ada).call(Person.class)).isEqualTo(ada);
      ToolCall wrong = pool.tool("made").args("{'first_name': 'Ada', 'age_in_years': 'x'}");
      assertThat(failure(ValueException.class, () -> wrong.call(Person.class)).path())
          .isEqualTo("result.age_in_years");
    }
  }

  /// Of a library that knows nothing of Jackson.
  static final class Account {
    public String id = "";
    public String secret = "";
  }

  abstract static class AccountMixIn {
    @JsonProperty("number")
    @Nullable String id;

    @JsonIgnore @Nullable String secret;
  }

  @Test
  void aMixInSaysWhatAClassDoesNot() {
    JsonMapper mapper = JsonMapper.builder().addMixIn(Account.class, AccountMixIn.class).build();
    try (Pool pool = pool(mapper).start()) {
      var account = new Account();
      account.id = "7";
      account.secret = "hidden";
      assertThat(described(pool, account)).isEqualTo("dict {'number': '7'}");
      Account back = requireNonNull(pool.tool("made").args("{'number': '8'}").call(Account.class));
      assertThat(back).extracting("id").isEqualTo("8");
    }
  }

  enum Color {
    RED;

    @Override
    public String toString() {
      return "a red one";
    }
  }

  /// Defaults of Jackson 2, and of 3, and limits of Jackson's own, would break rows of the table.
  @Test
  void theTableOfValuesHoldsWhateverTheMapperSays() {
    JsonMapper mapper =
        JsonMapper.builder(JsonFactory.builder().build())
            .configureForJackson2()
            .enable(DateTimeFeature.WRITE_DATES_AS_TIMESTAMPS)
            .enable(JsonWriteFeature.WRITE_NUMBERS_AS_STRINGS)
            .enable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();
    try (Pool pool = pool(mapper).start()) {
      var price = new BigDecimal("12345678901234567890.10");
      BigInteger huge = BigInteger.TEN.pow(4_000);
      var when = OffsetDateTime.parse("2026-03-01T10:00:00.5+05:30");
      assertThat(described(pool, price)).isEqualTo("Decimal Decimal('12345678901234567890.10')");
      assertThat(pool.tool("echo").args(price).call(BigDecimal.class)).isEqualTo(price);
      assertThat(pool.tool("echo").args(huge).call(BigInteger.class)).isEqualTo(huge);
      assertThat(described(pool, Double.NaN)).isEqualTo("float nan");
      assertThat(pool.tool("made").args("float('nan')").call(Double.class)).isNaN();
      assertThat(described(pool, 1)).isEqualTo("int 1");
      assertThat(described(pool, LocalDate.of(2026, 3, 1))).isEqualTo("str '2026-03-01'");
      assertThat(pool.tool("echo").args(when).call(OffsetDateTime.class)).isEqualTo(when);
      assertThat(described(pool, Color.RED)).isEqualTo("str 'RED'");
      assertThat(pool.tool("echo").args(Color.RED).call(Color.class)).isEqualTo(Color.RED);
      assertThat(pool.tool("echo").args(new byte[] {1, 2}).call(byte[].class))
          .containsExactly(1, 2);
      Map<String, Object> odd = Map.of("$bytes", 0.5, "key", new byte[] {3});
      assertThat(described(pool, odd)).contains("'$bytes': 0.5", "b'\\x03'");
      // Read by way of a tree, where numbers stay what they are.
      assertThat(pool.tool("made").args("{'$x': 0.1}").call(new TypeRef<Map<String, Double>>() {}))
          .isEqualTo(Map.of("$x", 0.1));
      for (String text : List.of("2**53 + 1", "'1'", "None", "__import__('decimal').Decimal(1)")) {
        ToolCall made = pool.tool("made").args(text);
        failure(ValueException.class, () -> made.call(double.class));
      }
      failure(ValueException.class, () -> pool.tool("made").args("1.5").call(int.class));
      failure(ValueException.class, () -> pool.tool("made").args("1").call(String.class));
      failure(ValueException.class, () -> described(pool, Map.of(1, "a number")));
    }
  }

  /// What a mapper does to all lists, maps and roots it does to the user's, and not to the call.
  @Test
  void theCallItselfIsNoneOfTheMappersBusiness() {
    var anything = BasicPolymorphicTypeValidator.builder().allowIfBaseType(Object.class).build();
    JsonMapper mapper =
        JsonMapper.builder()
            .enable(SerializationFeature.WRAP_ROOT_VALUE, SerializationFeature.INDENT_OUTPUT)
            .enable(SerializationFeature.WRITE_SINGLE_ELEM_ARRAYS_UNWRAPPED)
            .enable(DeserializationFeature.UNWRAP_ROOT_VALUE)
            .changeDefaultPropertyInclusion(
                it ->
                    it.withValueInclusion(JsonInclude.Include.NON_NULL)
                        .withContentInclusion(JsonInclude.Include.NON_NULL))
            .build();
    try (Pool pool = pool(mapper).start()) {
      assertThat(described(pool, 1)).isEqualTo("int 1");
      assertThat(described(pool, List.of(1))).isEqualTo("int 1"); // as he said
      assertThat(described(pool, new Person("Ada", null))).isEqualTo("dict {'firstName': 'Ada'}");
      Map<String, @Nullable Object> nothing = new LinkedHashMap<>();
      nothing.put("value", null);
      nothing.put("other", 2);
      assertThat(pool.tool("both").args(nothing).call(Object.class))
          .isEqualTo(Arrays.asList(null, 2));
    }
    JsonMapper typing =
        JsonMapper.builder().activateDefaultTyping(anything, DefaultTyping.NON_FINAL).build();
    try (Pool pool = pool(typing).start()) {
      assertThat(described(pool, "text")).isEqualTo("str 'text'");
      assertThat(described(pool, new ArrayList<>(List.of(1)))).contains("java.util"); // as he said
    }
  }

  /// Which Kotlin's module says of parameters with a default value.
  private static final class Defaults extends NopAnnotationIntrospector {
    private static final long serialVersionUID = 1L;

    @Override
    public @Nullable Boolean hasRequiredMarker(MapperConfig<?> config, AnnotatedMember member) {
      boolean optional = member instanceof AnnotatedParameter it && it.getIndex() == 0;
      return optional ? false : null;
    }
  }

  record Counts(int optional, int needed) {}

  @Test
  void aMissingNumberIsAnErrorUnlessAModuleKnowsADefault() {
    JsonMapper mapper =
        JsonMapper.builder()
            .addModule(
                new SimpleModule("defaults") {
                  private static final long serialVersionUID = 1L;

                  @Override
                  public void setupModule(SetupContext context) {
                    context.insertAnnotationIntrospector(new Defaults());
                  }
                })
            .build();
    try (Pool pool = pool(mapper).start()) {
      assertThat(pool.tool("made").args("{'needed': 1}").call(Counts.class))
          .isEqualTo(new Counts(0, 1));
      ToolCall lacking = pool.tool("made").args("{'optional': 1}");
      failure(ValueException.class, () -> lacking.call(Counts.class));
    }
  }

  record Reading(double value) {}

  @Test
  void codeOfTheUsersIsHeldToTheRulesAndItsErrorsAreTyped() {
    JsonMapper mapper =
        JsonMapper.builder()
            .addModule(
                new SimpleModule("own")
                    .addSerializer(
                        String.class,
                        new StdSerializer<>(String.class) {
                          @Override
                          public void serialize(
                              String text, JsonGenerator json, SerializationContext context) {
                            json.writeString(text.strip());
                          }
                        })
                    .addDeserializer(
                        Reading.class,
                        new StdDeserializer<>(Reading.class) {
                          @Override
                          public Reading deserialize(
                              JsonParser json, DeserializationContext context) {
                            return new Reading(json.readValueAs(Double.class));
                          }
                        })
                    .addDeserializer(
                        Money.class,
                        new StdDeserializer<>(Money.class) {
                          @Override
                          public Money deserialize(
                              JsonParser json, DeserializationContext context) {
                            throw new IllegalStateException("no such currency");
                          }
                        }))
            .build();
    try (Pool pool = pool(mapper).start()) {
      assertThat(described(pool, " plain values pass it, too "))
          .isEqualTo("str 'plain values pass it, too'");
      assertThat(pool.tool("made").args("0.5").call(Reading.class)).isEqualTo(new Reading(0.5));
      ToolCall tooLarge = pool.tool("made").args("2**53 + 1");
      assertThat(failure(ValueException.class, () -> tooLarge.call(Reading.class)))
          .hasMessageContaining("beyond 2^53");
      assertThat(failure(ValueException.class, () -> tooLarge.call(Money.class)))
          .hasMessageContaining("no such currency");
      assertThat(failure(ValueException.class, tooLarge.callAsync(Money.class)))
          .hasMessageContaining("no such currency");
    }
  }

  @Test
  void whatAMapperSaysOfDatesAndNullKeysIsHisChoice() {
    JsonMapper mapper =
        JsonMapper.builder()
            .defaultTimeZone(TimeZone.getTimeZone("Europe/Berlin"))
            .withConfigOverride(
                Duration.class,
                it -> it.setFormat(JsonFormat.Value.forShape(JsonFormat.Shape.NUMBER)))
            .addModule(
                new SimpleModule("dates")
                    .addDeserializer(
                        LocalDate.class,
                        new StdDeserializer<>(LocalDate.class) {
                          @Override
                          public LocalDate deserialize(
                              JsonParser json, DeserializationContext context) {
                            return LocalDate.ofEpochDay(json.getLongValue());
                          }
                        })
                    .setDefaultNullKeySerializer(
                        new StdSerializer<>(Object.class) {
                          @Override
                          public void serialize(
                              Object key, JsonGenerator json, SerializationContext context) {
                            json.writeName("nothing");
                          }
                        }))
            .build();
    try (Pool pool = pool(mapper).start()) {
      assertThat(pool.tool("made").args("'2026-12-01T03:04:05'").call(Date.class))
          .isEqualTo(Date.from(Instant.parse("2026-12-01T02:04:05Z")));
      assertThat(pool.tool("made").args("5").call(Duration.class)).isEqualTo(Duration.ofSeconds(5));
      assertThat(pool.tool("made").args("1").call(LocalDate.class))
          .isEqualTo(LocalDate.EPOCH.plusDays(1));
      assertThat(described(pool, Collections.singletonMap(null, 1)))
          .isEqualTo("dict {'nothing': 1}");
      ToolCall number = pool.tool("made").args("5");
      failure(ValueException.class, () -> number.call(Instant.class));
    }
  }

  @Test
  void optionsPassItAsArgumentsDo() {
    JsonMapper mapper =
        JsonMapper.builder().propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE).build();
    try (Pool pool = pool(mapper).options(Map.of("who", new Person("Ada", 36))).start()) {
      assertThat(pool.call("options", Map.of(), Object.class))
          .isEqualTo(Map.of("who", Map.of("first_name", "Ada", "age_in_years", 36)));
    }
  }
}
