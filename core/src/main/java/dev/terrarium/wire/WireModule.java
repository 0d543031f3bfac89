package dev.terrarium.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.BeanDescription;
import tools.jackson.databind.BeanProperty;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.SerializationConfig;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.deser.std.StdScalarDeserializer;
import tools.jackson.databind.jsontype.TypeSerializer;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.ser.ValueSerializerModifier;
import tools.jackson.databind.ser.bean.BeanSerializerBase;
import tools.jackson.databind.ser.impl.UnknownSerializer;
import tools.jackson.databind.ser.std.StdScalarSerializer;
import tools.jackson.databind.ser.std.ToStringSerializer;

/// What Jackson does by itself and must not do here: send any object of the JDK as a bean of its
/// getters, turn a number key into text, take text for bytes, a number for text or a guess for a
/// time.
final class WireModule extends SimpleModule {
  private static final long serialVersionUID = 1L;

  WireModule() {
    super("terrarium-wire");
    addSerializer(ByteBuffer.class, new BufferSerializer());
    addSerializer(MemorySegment.class, new SegmentSerializer());
    addSerializer(Path.class, ToStringSerializer.instance);
    addDeserializer(String.class, new TextDeserializer());
    addDeserializer(byte[].class, new BytesDeserializer());
    addDeserializer(ByteBuffer.class, new BufferDeserializer());
    addDeserializer(MemorySegment.class, new SegmentDeserializer());
    setSerializerModifier(new Refusals());
    setDeserializerModifier(new Times.Guards());
    setDefaultNullKeySerializer(
        new Refusal("a key that is null cannot be sent; keys are text, leave such an entry out"));
  }

  @Override
  public void setupModule(SetupContext context) {
    super.setupModule(context);
    context.insertAnnotationIntrospector(new OpensToJackson());
  }

  private static final class BufferSerializer extends StdScalarSerializer<ByteBuffer> {
    BufferSerializer() {
      super(ByteBuffer.class);
    }

    @Override
    public void serialize(ByteBuffer buffer, JsonGenerator json, SerializationContext context) {
      ((WireGenerator) json).attach(MemorySegment.ofBuffer(buffer), () -> lasting(buffer));
    }

    /// The loop may have to finish the write: memory that only the caller's thread may touch is
    /// copied.
    private static ByteBuffer lasting(ByteBuffer buffer) {
      return MemorySegment.ofBuffer(buffer).isAccessibleBy(SOMEBODY_ELSE)
          ? buffer.slice()
          : ByteBuffer.allocate(buffer.remaining()).put(buffer.duplicate()).flip();
    }

    private static final Thread SOMEBODY_ELSE = Thread.ofVirtual().unstarted(() -> {});
  }

  private static final class SegmentSerializer extends StdScalarSerializer<MemorySegment> {
    SegmentSerializer() {
      super(MemorySegment.class);
    }

    @Override
    public void serialize(MemorySegment segment, JsonGenerator json, SerializationContext context) {
      ((WireGenerator) json).attach(segment, () -> lasting(segment));
    }

    /// An arena may close while the frame still waits for the socket, so native memory is copied.
    private static ByteBuffer lasting(MemorySegment segment) {
      return segment.heapBase().orElse(null) instanceof byte[]
          ? segment.asByteBuffer()
          : ByteBuffer.wrap(segment.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /// Puts a refusal in the place of serializers that would send nonsense.
  private static final class Refusals extends ValueSerializerModifier {
    private static final long serialVersionUID = 1L;

    @Override
    public ValueSerializer<?> modifySerializer(
        SerializationConfig config, BeanDescription.Supplier bean, ValueSerializer<?> serializer) {
      boolean isBean =
          serializer instanceof BeanSerializerBase || serializer instanceof UnknownSerializer;
      if (!isBean) {
        return serializer;
      }
      return Named.isWanted(config, bean)
          ? new Named(checked(bean, serializer))
          : checked(bean, serializer);
    }

    private static ValueSerializer<?> checked(
        BeanDescription.Supplier bean, ValueSerializer<?> serializer) {
      Class<?> type = bean.getBeanClass();
      if (ofTheJdk(type)) {
        return new Refusal(
            "a %s cannot be sent; what can: text, numbers, booleans, bytes, lists, maps, records"
                .formatted(type.getName()));
      }
      boolean empty = !serializer.properties().hasNext() && !type.isRecord();
      return empty
          ? new Refusal("a %s cannot be sent: it has no properties".formatted(type.getName()))
          : serializer;
    }

    private static boolean ofTheJdk(Class<?> type) {
      ClassLoader loader = type.getClassLoader();
      return loader == null || loader.equals(ClassLoader.getPlatformClassLoader());
    }

    @Override
    public ValueSerializer<?> modifyKeySerializer(
        SerializationConfig config,
        JavaType type,
        BeanDescription.Supplier bean,
        ValueSerializer<?> serializer) {
      boolean text = type.hasRawClass(String.class) || type.isEnumType();
      return text || type.hasRawClass(Object.class) || isOfTheUsers(serializer)
          ? serializer
          : new KeyRefusal();
    }
  }

  /// Of a (de)serializer.
  static boolean isOfTheUsers(Object serializer) {
    return !serializer.getClass().getPackageName().startsWith("tools.jackson.databind");
  }

  /// Writes the type's name that `@JsonTypeInfo` asks for also where nobody has declared the type:
  /// an argument, or an element of one, is an `Object` to Jackson, which then leaves the name out.
  private static final class Named extends ValueSerializer<Object> {
    private final ValueSerializer<Object> serializer;

    @SuppressWarnings("unchecked") // each is called with what it was made for
    Named(ValueSerializer<?> serializer) {
      this.serializer = (ValueSerializer<Object>) serializer;
    }

    static boolean isWanted(SerializationConfig config, BeanDescription.Supplier bean) {
      return config.getAnnotationIntrospector().findPolymorphicTypeInfo(config, bean.getClassInfo())
          != null;
    }

    @Override
    public void serialize(Object value, JsonGenerator json, SerializationContext context) {
      TypeSerializer name = context.findTypeSerializer(context.constructType(value.getClass()));
      serializer.serializeWithType(value, json, context, name);
    }

    @Override
    public void serializeWithType(
        Object value, JsonGenerator json, SerializationContext context, TypeSerializer name) {
      serializer.serializeWithType(value, json, context, name);
    }

    @Override
    public void resolve(SerializationContext context) {
      serializer.resolve(context);
    }

    @Override
    public ValueSerializer<?> createContextual(
        SerializationContext context, @Nullable BeanProperty property) {
      return new Named(serializer.createContextual(context, property));
    }

    @Override
    public boolean isEmpty(SerializationContext context, Object value) {
      return serializer.isEmpty(context, value);
    }
  }

  private static final class Refusal extends ValueSerializer<Object> {
    private final String problem;

    Refusal(String problem) {
      this.problem = problem;
    }

    @Override
    public void serialize(Object value, JsonGenerator json, SerializationContext context) {
      throw ((WireGenerator) json).refusal(problem);
    }
  }

  private static final class KeyRefusal extends ValueSerializer<Object> {
    @Override
    public void serialize(Object key, JsonGenerator json, SerializationContext context) {
      throw ((WireGenerator) json)
          .refusal(
              "a key that is a %s cannot be sent; keys are text"
                  .formatted(key.getClass().getTypeName()));
    }
  }

  /// Strictly what its name says: no text from numbers, no base64 from bytes.
  private static final class TextDeserializer extends StdScalarDeserializer<String> {
    TextDeserializer() {
      super(String.class);
    }

    @Override
    public String deserialize(JsonParser json, DeserializationContext context) {
      return json.hasToken(JsonToken.VALUE_STRING)
          ? json.getString()
          : (String) context.handleUnexpectedToken(String.class, json);
    }
  }

  /// Attachments and nothing else; text is not taken for base64.
  private static MemorySegment bytes(
      Class<?> wanted, JsonParser json, DeserializationContext context) {
    Object found = json.hasToken(JsonToken.VALUE_EMBEDDED_OBJECT) ? json.getEmbeddedObject() : null;
    return switch (found) {
      case byte[] bytes -> MemorySegment.ofArray(bytes);
      case MemorySegment segment -> segment;
      case null, default -> (MemorySegment) context.handleUnexpectedToken(wanted, json);
    };
  }

  private static final class BytesDeserializer extends StdScalarDeserializer<byte[]> {
    BytesDeserializer() {
      super(byte[].class);
    }

    @Override
    public byte[] deserialize(JsonParser json, DeserializationContext context) {
      MemorySegment bytes = bytes(byte[].class, json, context);
      return bytes.heapBase().orElse(null) instanceof byte[] array
          ? array
          : bytes.toArray(ValueLayout.JAVA_BYTE);
    }
  }

  private static final class BufferDeserializer extends StdScalarDeserializer<ByteBuffer> {
    BufferDeserializer() {
      super(ByteBuffer.class);
    }

    @Override
    public ByteBuffer deserialize(JsonParser json, DeserializationContext context) {
      return bytes(ByteBuffer.class, json, context).asByteBuffer();
    }
  }

  private static final class SegmentDeserializer extends StdScalarDeserializer<MemorySegment> {
    SegmentDeserializer() {
      super(MemorySegment.class);
    }

    @Override
    public MemorySegment deserialize(JsonParser json, DeserializationContext context) {
      return bytes(MemorySegment.class, json, context);
    }
  }
}
