package dev.terrarium.wire;

import java.math.BigDecimal;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Puts received bytes back where the JSON refers to them, makes decimals of their text, and takes
/// the escape off keys.
final class Attachments {
  private static final String REFERENCE = "$bytes";
  private static final String DECIMAL = "$decimal";

  private final List<?> attachments;
  private final BitSet taken = new BitSet();

  private Attachments(List<?> attachments) {
    this.attachments = attachments;
  }

  /// @param attachments arrays or segments
  /// @throws ProtocolException unless each attachment is referred to exactly once
  static JsonNode restore(JsonNode tree, List<?> attachments) {
    var restoring = new Attachments(attachments);
    JsonNode restored = restoring.restore(tree);
    int first = restoring.taken.nextClearBit(0);
    if (first < attachments.size()) {
      throw new ProtocolException(
          "attachment %d of %d is not referred to".formatted(first, attachments.size()));
    }
    return restored;
  }

  private JsonNode restore(JsonNode node) {
    return switch (node) {
      case ObjectNode object when object.has(REFERENCE) -> take(object);
      case ObjectNode object when object.has(DECIMAL) -> decimal(object);
      case ObjectNode object -> restoreFields(object);
      case ArrayNode array -> restoreElements(array);
      default -> node;
    };
  }

  private JsonNode restoreElements(ArrayNode array) {
    for (int i = 0; i < array.size(); i++) {
      array.set(i, restore(array.get(i)));
    }
    return array;
  }

  private JsonNode restoreFields(ObjectNode object) {
    ObjectNode restored = JsonNodeFactory.instance.objectNode();
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      restored.set(unescaped(field.getKey()), restore(field.getValue()));
    }
    return restored;
  }

  private static String unescaped(String key) {
    if (!key.startsWith("$")) {
      return key;
    }
    if (!key.startsWith("$$")) {
      throw new ProtocolException(
          "the key \"%s\" is not escaped".formatted(ValuePath.shortened(key, 60)));
    }
    return key.substring(1);
  }

  private static JsonNode decimal(ObjectNode object) {
    JsonNode text = object.get(DECIMAL);
    try {
      if (object.size() == 1 && text.isString()) {
        return JsonNodeFactory.instance.numberNode(new BigDecimal(text.stringValue()));
      }
    } catch (NumberFormatException e) {
      throw new ProtocolException("not a decimal: " + ValuePath.shortened(text.toString(), 60), e);
    }
    throw new ProtocolException("not a decimal: " + ValuePath.shortened(object.toString(), 60));
  }

  private JsonNode take(ObjectNode object) {
    JsonNode index = object.get(REFERENCE);
    if (object.size() != 1 || !index.isInt()) {
      throw new ProtocolException(
          "not a reference to an attachment: " + ValuePath.shortened(object.toString(), 60));
    }
    int i = index.intValue();
    if (i < 0 || i >= attachments.size()) {
      throw new ProtocolException("attachment %d of %d".formatted(i, attachments.size()));
    }
    if (taken.get(i)) {
      throw new ProtocolException("attachment %d is referred to twice".formatted(i));
    }
    taken.set(i);
    return attachments.get(i) instanceof byte[] bytes
        ? JsonNodeFactory.instance.binaryNode(bytes)
        : JsonNodeFactory.instance.pojoNode(attachments.get(i));
  }
}
