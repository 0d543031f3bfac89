package dev.terrarium.wire;

import dev.terrarium.ValueException;
import dev.terrarium.json.PlainJson;
import java.lang.foreign.Arena;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.exc.InputCoercionException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.exc.ValueInstantiationException;
import tools.jackson.databind.json.JsonMapper;

/// Users' values, to and from the wire: the section "Values" of `docs/protocol.md`. Thread-safe;
/// one a runtime, because it remembers the users' classes, and one for each pool that has a mapper
/// of its own.
///
/// What is sent: `null`, booleans, text, numbers, enums by their name, `java.time` as ISO text,
/// `byte[]`, `ByteBuffer` (its position stays) and `MemorySegment` as attachments, `Optional`,
/// arrays, collections, maps with keys of text or enums, records and beans. Of the JDK's other
/// classes nothing is sent.
///
/// What is read: the same, strictly (no number becomes text, no fraction becomes an integer). A
/// property that the wanted type does not know is ignored, so that an adapter may return more
/// tomorrow than today.
public final class ValueCodec {
  private static final String RESULT = "result";

  /// Whether values that are plain go without data binding: a mapper of the user's may have
  /// something to say about them as well.
  private final boolean shortCuts;

  /// Reads what no mapper of the user's has a say in. Remembers no classes.
  private static final class Trees {
    static final JsonMapper MAPPER = WireJson.newMapper();
  }

  private final Object making = new Object();
  private volatile @Nullable JsonMapper mapper;

  public ValueCodec() {
    shortCuts = true;
  }

  /// @param users how objects are to look; what `docs/guide.md` says of values holds all the same
  public ValueCodec(JsonMapper users) {
    shortCuts = false;
    mapper = WireJson.over(users);
  }

  // Not before it is needed: see PlainJson.
  private JsonMapper mapper() {
    JsonMapper made = mapper;
    if (made != null) {
      return made;
    }
    synchronized (making) {
      JsonMapper first = mapper;
      made = first == null ? WireJson.newMapper() : first;
      mapper = made;
      return made;
    }
  }

  /// A value of its own; errors name it `value`.
  ///
  /// @throws ValueException if it, or something in it, has no form on the wire
  public Encoded encode(@Nullable Object value) {
    try {
      return WireJson.writeValue(mapper(), value, "value", MemoryFiles.none());
    } catch (LinkageError e) {
      throw Jackson.unusable("value", e);
    }
  }

  /// A call's envelope; errors name `args[0]...` or `named.text...`.
  ///
  /// @param files where large bytes go; they are copied there now
  /// @throws ValueException if an argument, or something in it, has no form on the wire
  public Encoded encode(Messages.Call call, MemoryFiles files) {
    try {
      Optional<Encoded> plain = shortCuts ? WireJson.plainCall(call) : Optional.empty();
      return plain.orElseGet(() -> WireJson.writeCall(mapper(), call, files));
    } catch (LinkageError e) {
      throw Jackson.unusable("args", e);
    }
  }

  /// A pool's options as [Messages.Spec] takes them: plain.
  ///
  /// @throws ValueException if something in them has no form in JSON
  public Map<String, ? extends @Nullable Object> plainOptions(
      Map<String, ? extends @Nullable Object> options) {
    if (shortCuts && PlainJson.isPlain(options)) {
      return options;
    }
    try {
      return WireJson.plain(mapper(), options, "options");
    } catch (LinkageError e) {
      throw Jackson.unusable("options", e);
    }
  }

  /// A result of the wanted type: a class, or a type with arguments. All memory is the heap's.
  ///
  /// @throws ValueException if the result does not fit the type
  /// @throws ProtocolException if it is no value at all: not JSON, or its attachments are not
  ///   referred to once each
  @SuppressWarnings("TypeParameterUnusedInFormals") // a Type cannot say it better
  public <T> @Nullable T decode(Received received, Type type) {
    return decode(received.envelope(), received.read(), type);
  }

  /// The same, with all bytes in memory that lives as long as the arena, large ones where their
  /// sender put them.
  ///
  /// @throws IllegalStateException if the arena is closed
  /// @throws WrongThreadException if it belongs to another thread
  /// @throws ValueException if the result does not fit the type, or there is no room to map it to
  @SuppressWarnings("TypeParameterUnusedInFormals") // a Type cannot say it better
  public <T> @Nullable T decode(Received received, Type type, Arena arena) {
    return decode(received.envelope(), received.map(arena), type);
  }

  /// @param attachments arrays or segments
  @SuppressWarnings({"TypeParameterUnusedInFormals", "unchecked"}) // a Type cannot say it better
  <T> @Nullable T decode(byte[] json, List<?> attachments, Type type) {
    boolean simple = attachments.isEmpty() && !mayHaveSpecialKeys(json);
    if (simple && shortCuts && type instanceof Class<?> wanted) {
      boolean text = wanted == String.class || wanted == Object.class;
      Object value = text ? PlainJson.readSimpleText(json) : PlainJson.Unfit.UNFIT;
      if (value instanceof PlainJson.Unfit) {
        value = PlainJson.read(WireJson.parser(json), wanted);
      }
      if (!(value instanceof PlainJson.Unfit)) {
        return (T) value;
      }
    }
    return bind(json, attachments, type, simple);
  }

  @SuppressWarnings("TypeParameterUnusedInFormals") // a Type cannot say it better
  private <T> @Nullable T bind(byte[] json, List<?> attachments, Type type, boolean simple) {
    try {
      JsonMapper mapper = mapper();
      @Nullable JsonNode tree = simple ? null : tree(json, attachments);
      try (JsonParser read =
          tree == null ? WireJson.parser(mapper, json) : mapper.treeAsTokens(tree)) {
        return mapper.readValue(new WireParser(read), mapper.constructType(type));
      } catch (JacksonException e) {
        // Either it is no JSON, and reading it as a tree says so, or it is the wrong JSON.
        JsonNode sent = ValuePath.resolve(tree(json, attachments), e);
        throw new ValueException(ValuePath.of(RESULT, e), mismatch(e, sent), e);
      } catch (RuntimeException e) { // of code of the user's that makes values
        throw new ValueException(RESULT, "reading it failed: " + e, e);
      }
    } catch (LinkageError e) {
      throw Jackson.unusable(RESULT, e);
    }
  }

  /// A key with a `$` in front has `"$` before it in the text; most results have neither, and are
  /// read without a detour. Text that begins with `$` costs the detour and nothing else.
  private static boolean mayHaveSpecialKeys(byte[] json) {
    for (int i = 1; i < json.length; i++) {
      if (json[i] == '$' && json[i - 1] == '"') {
        return true;
      }
    }
    return false;
  }

  private JsonNode tree(byte[] json, List<?> attachments) {
    try {
      JsonNode tree = Trees.MAPPER.readTree(json);
      if (tree.isMissingNode()) {
        throw new ProtocolException("no value at all");
      }
      return Attachments.restore(tree, attachments);
    } catch (JacksonException e) {
      throw new ProtocolException("not a JSON value: " + e.getOriginalMessage(), e);
    }
  }

  private static String mismatch(JacksonException e, JsonNode sent) {
    return switch (e) {
      case ValueInstantiationException v ->
          "Python sent %s, and making a %s of it failed: %s"
              .formatted(ValuePath.describe(sent), v.getType().toCanonical(), v.getCause());
      case MismatchedInputException m when m.getTargetType() != null ->
          expectation(m.getTargetType(), sent);
      case InputCoercionException c when c.getTargetType() != null ->
          expectation(c.getTargetType(), sent);
      default -> e.getOriginalMessage();
    };
  }

  private static String expectation(Class<?> wanted, JsonNode sent) {
    String oneOf = wanted.isEnum() ? " " + Arrays.toString(wanted.getEnumConstants()) : "";
    String remedy =
        wanted.isPrimitive() && sent.isNull()
            ? "; ask for a type that can be null"
            : Times.remedy(wanted, sent);
    return "expected %s%s, but Python sent %s%s"
        .formatted(name(wanted), oneOf, ValuePath.describe(sent), remedy);
  }

  /// Jackson says `LinkedHashMap` where the user's record says `Map`.
  private static String name(Class<?> wanted) {
    for (Class<?> known : List.of(Map.class, List.class, Set.class)) {
      if (known.isAssignableFrom(wanted)) {
        return known.getSimpleName();
      }
    }
    return wanted.getSimpleName();
  }
}
