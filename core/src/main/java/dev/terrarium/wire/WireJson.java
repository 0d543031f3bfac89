package dev.terrarium.wire;

import static dev.terrarium.wire.Limits.FRAME_BYTES_MAX;
import static dev.terrarium.wire.Limits.INTEGER_DIGITS_MAX;
import static dev.terrarium.wire.Limits.NESTING_MAX;

import dev.terrarium.TerrariumException;
import dev.terrarium.ValueException;
import dev.terrarium.json.Fields;
import dev.terrarium.json.PlainJson;
import dev.terrarium.json.PlainWriter;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.StreamWriteConstraints;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.TokenStreamContext;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.AnnotationIntrospector;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.cfg.DateTimeFeature;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.AnnotatedMember;
import tools.jackson.databind.introspect.AnnotatedParameter;
import tools.jackson.databind.introspect.JacksonAnnotationIntrospector;
import tools.jackson.databind.introspect.NopAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;

/// Jackson as this project uses it, for values and control messages alike.
final class WireJson {
  /// A `CALL` holds its values two containers deep: its envelope and `args`.
  private static final int CALL_LEVELS = 2;

  /// What keys of the users' get before them that begin with it.
  static final String KEY_ESCAPE = "$";

  private static final JsonFactory FACTORY = factory();

  private WireJson() {}

  /// The data binding, for what is not plain.
  static JsonMapper newMapper() {
    return strict(JsonMapper.builder(FACTORY))
        .addModule(new WireModule())
        .annotationIntrospector(
            AnnotationIntrospector.pair(
                new PrimitivesAreRequired(), new JacksonAnnotationIntrospector()))
        .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
        .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        .build();
  }

  /// The same on top of a mapper of the user's: how his objects look is his choice, what the
  /// guide's table of values says is not. His modules come after ours: what they have for a type
  /// goes first. So does what he says of a missing number, that there is a default, say.
  static JsonMapper over(JsonMapper users) {
    JsonMapper.Builder builder = users.rebuild();
    for (StreamReadFeature each : StreamReadFeature.values()) {
      builder.configure(each, FACTORY.isEnabled(each));
    }
    for (StreamWriteFeature each : StreamWriteFeature.values()) {
      builder.configure(each, FACTORY.isEnabled(each));
    }
    for (JsonReadFeature each : JsonReadFeature.values()) {
      builder.configure(each, FACTORY.isEnabled(each));
    }
    for (JsonWriteFeature each : JsonWriteFeature.values()) {
      builder.configure(each, FACTORY.isEnabled(each));
    }
    return strict(builder)
        .removeAllModules()
        .addModule(new WireModule())
        .addModules(users.registeredModules())
        .annotationIntrospector(
            AnnotationIntrospector.pair(
                builder.annotationIntrospector(), new PrimitivesAreRequired()))
        .disable(SerializationFeature.WRAP_ROOT_VALUE, SerializationFeature.INDENT_OUTPUT)
        .disable(DeserializationFeature.UNWRAP_ROOT_VALUE)
        .build();
  }

  /// Nothing becomes another value without a word, and text is what Python understands.
  private static JsonMapper.Builder strict(JsonMapper.Builder builder) {
    return builder
        .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
        .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
        .disable(EnumFeature.READ_ENUMS_USING_TO_STRING)
        .disable(EnumFeature.WRITE_ENUMS_USING_TO_STRING)
        .enable(EnumFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
        .disable(DateTimeFeature.WRITE_DATES_AS_TIMESTAMPS)
        .disable(DateTimeFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
        .disable(DateTimeFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE);
  }

  /// Left alone, Jackson takes 0 for a number that did not come.
  private static final class PrimitivesAreRequired extends NopAnnotationIntrospector {
    private static final long serialVersionUID = 1L;

    @Override
    public @Nullable Boolean hasRequiredMarker(MapperConfig<?> config, AnnotatedMember member) {
      boolean number = member instanceof AnnotatedParameter && member.getRawType().isPrimitive();
      return number ? Boolean.TRUE : null;
    }
  }

  private static JsonFactory factory() {
    return JsonFactory.builder()
        .disable(TokenStreamFactory.Feature.CHARSET_DETECTION)
        .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
        .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
        .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
        .streamReadConstraints(
            StreamReadConstraints.builder()
                .maxNestingDepth(NESTING_MAX)
                .maxNumberLength(INTEGER_DIGITS_MAX)
                .maxStringLength(Integer.MAX_VALUE)
                .maxNameLength(Integer.MAX_VALUE)
                .build())
        .streamWriteConstraints(
            StreamWriteConstraints.builder().maxNestingDepth(NESTING_MAX + CALL_LEVELS).build())
        .build();
  }

  static JsonParser parser(byte[] json) {
    return FACTORY.createParser(ObjectReadContext.empty(), json);
  }

  /// What the users' mappers read from: with the wire's limits, whatever theirs are.
  static JsonParser parser(JsonMapper mapper, byte[] json) {
    JsonParser theirs = mapper.createParser(json);
    return ours(mapper) ? theirs : FACTORY.createParser(theirs.objectReadContext(), json);
  }

  /// What they write to.
  private static JsonGenerator generator(JsonMapper mapper, OutputStream out) {
    JsonGenerator theirs = mapper.createGenerator(out);
    return ours(mapper) ? theirs : FACTORY.createGenerator(theirs.objectWriteContext(), out);
  }

  private static boolean ours(JsonMapper mapper) {
    return mapper.tokenStreamFactory().equals(FACTORY);
  }

  /// A control message.
  ///
  /// @throws JacksonException if it is no JSON
  /// @throws IllegalArgumentException if it is no object
  static Fields fields(byte[] envelope) {
    try (JsonParser json = parser(envelope)) {
      return Fields.read(json);
    }
  }

  /// One field of a control message, whatever the others are.
  ///
  /// @throws JacksonException if what stands before it is no JSON
  /// @throws IllegalArgumentException if it is missing, or no text
  static String textField(byte[] envelope, String wanted) {
    try (JsonParser json = parser(envelope)) {
      if (json.nextToken() == JsonToken.START_OBJECT) {
        for (String name = json.nextName(); name != null; name = json.nextName()) {
          if (json.nextToken() == JsonToken.VALUE_STRING && name.equals(wanted)) {
            return json.getString();
          }
          json.skipChildren();
        }
      }
      throw new IllegalArgumentException(wanted + " is missing");
    }
  }

  /// A call whose arguments are all plain; empty where they are not, or something about them is
  /// wrong, which the data binding says better.
  static Optional<Encoded> plainCall(Messages.Call call) {
    try {
      if (!PlainJson.isPlain(call.args()) || !PlainJson.isPlain(call.named())) {
        return Optional.empty();
      }
      var json = new PlainWriter(FRAME_BYTES_MAX, KEY_ESCAPE);
      json.raw("{\"tool\":").value(call.tool());
      if (!call.args().isEmpty()) {
        json.raw(",\"args\":").value(call.args());
      }
      if (!call.named().isEmpty()) {
        json.raw(",\"named\":").value(call.named());
      }
      return Optional.of(new Encoded(json.raw("}").toBytes(), List.of(), Loan.NONE));
    } catch (RuntimeException e) { // also what the JDK's views of users' lists throw
      return Optional.empty();
    }
  }

  /// A user's value.
  ///
  /// @param root what the path in an error begins with
  static Encoded writeValue(
      JsonMapper mapper, @Nullable Object value, String root, MemoryFiles files) {
    return write(mapper, root, files, json -> write(mapper, json, value, root));
  }

  /// A call's envelope. It is ours: the mapper sees each argument for itself, so that what it does
  /// to all lists and maps it does to the user's.
  static Encoded writeCall(JsonMapper mapper, Messages.Call call, MemoryFiles files) {
    return write(
        mapper,
        "args",
        files,
        json -> {
          json.writeStartObject();
          json.writeStringProperty("tool", call.tool());
          if (!call.args().isEmpty()) {
            json.writeArrayPropertyStart("args");
            writeAll(mapper, json, call.args());
            json.writeEndArray();
          }
          if (!call.named().isEmpty()) {
            json.writeName("named");
            writeObject(mapper, json, call.named(), "named");
          }
          json.writeEndObject();
        });
  }

  /// Values of the user's for a control message, which has no attachments, as plain ones.
  ///
  /// @param root what the path in an error begins with
  /// @throws ValueException if something in them has no form in JSON
  static Map<String, @Nullable Object> plain(
      JsonMapper mapper, Map<String, ? extends @Nullable Object> values, String root) {
    var out = new Output(root);
    try (var json = WireGenerator.plain(generator(mapper, out))) {
      writeObject(mapper, json, values, root);
    }
    try (JsonParser json = parser(out.toByteArray())) {
      return PlainJson.readObject(json);
    }
  }

  private static Encoded write(
      JsonMapper mapper, String root, MemoryFiles files, Consumer<WireGenerator> content) {
    var out = new Output(root);
    var loan = new Loan(files);
    boolean complete = false;
    try (var json = WireGenerator.withAttachments(generator(mapper, out), loan)) {
      content.accept(json);
      json.flush();
      Encoded encoded = out.with(json.attachments(), loan);
      complete = true;
      return encoded;
    } catch (JacksonException e) { // of what is not the mapper's
      throw refusal(root, e);
    } finally {
      if (!complete) {
        loan.end();
      }
    }
  }

  private static void writeAll(
      JsonMapper mapper, WireGenerator json, List<? extends @Nullable Object> values) {
    for (int i = 0; i < values.size(); i++) {
      write(mapper, json, values.get(i), "args[" + i + "]");
    }
  }

  private static void writeObject(
      JsonMapper mapper,
      WireGenerator json,
      Map<String, ? extends @Nullable Object> values,
      String root) {
    json.writeStartObject();
    for (var each : values.entrySet()) {
      json.writeName(each.getKey());
      write(mapper, json, each.getValue(), root + ValuePath.step(each.getKey()));
    }
    json.writeEndObject();
  }

  private static void write(
      JsonMapper mapper, WireGenerator json, @Nullable Object value, String root) {
    TokenStreamContext begin = json.streamWriteContext();
    try {
      mapper.writeValue(json, value);
    } catch (StreamConstraintsException e) {
      throw new ValueException(
          ValuePath.of(root, begin, json.streamWriteContext()),
          "containers nested more than %d deep, or a cycle".formatted(NESTING_MAX),
          e);
    } catch (JacksonException e) {
      throw refusal(root, e);
    } catch (TerrariumException e) {
      throw e;
    } catch (RuntimeException e) { // of the user's, and not in anything that would wrap it
      throw new ValueException(root, "it cannot be read: " + e, e);
    } catch (StackOverflowError e) {
      throw new ValueException(root, "nested too deep, or a cycle", e);
    }
  }

  // Jackson wraps what users' lists, maps and getters throw.
  private static TerrariumException refusal(String root, JacksonException e) {
    return switch (e.getCause()) {
      case TerrariumException known -> known;
      case null -> new ValueException(ValuePath.of(root, e), e.getOriginalMessage(), e);
      case Throwable thrown ->
          new ValueException(ValuePath.of(root, e), e.getOriginalMessage(), thrown);
    };
  }

  /// JSON in memory, up to what a frame may hold.
  private static final class Output extends ByteArrayOutputStream {
    private final String root;

    Output(String root) {
      super(256);
      this.root = root;
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
      check((long) count + length);
      super.write(bytes, offset, length);
    }

    /// The limit is the same for bytes in memory files, so that each value can travel in a frame.
    Encoded with(List<ByteBuffer> attachments, Loan loan) {
      long total = count + (long) Integer.BYTES * attachments.size() + loan.bytes();
      for (ByteBuffer attachment : attachments) {
        total += attachment.remaining();
      }
      check(total);
      return new Encoded(toByteArray(), attachments, loan);
    }

    private void check(long total) {
      if (total > FRAME_BYTES_MAX) {
        throw new ValueException(
            root,
            "too large for one frame: %,d bytes or more, the limit is %,d"
                .formatted(total, FRAME_BYTES_MAX));
      }
    }
  }
}
