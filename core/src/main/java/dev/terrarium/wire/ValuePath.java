package dev.terrarium.wire;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JacksonException.Reference;
import tools.jackson.core.TokenStreamContext;
import tools.jackson.databind.JsonNode;

/// Where in a value something went wrong, as people write it: `args[0].items[3].when`.
final class ValuePath {
  private static final Pattern PLAIN_NAME = Pattern.compile("[\\w-]{1,60}");
  private static final int STEPS_SHOWN = 12;

  private ValuePath() {}

  /// @param root what the path begins with; may be empty
  static String of(String root, JacksonException failure) {
    List<String> steps = new ArrayList<>();
    failure.getPath().forEach(step -> steps.add(text(step)));
    return joined(root, steps);
  }

  /// The same from where a generator stands, for what nests too deep: an exception keeps only the
  /// innermost 500 steps.
  ///
  /// @param begin where it stood when it began with what `root` names
  static String of(String root, TokenStreamContext begin, TokenStreamContext place) {
    List<String> steps = new ArrayList<>();
    for (TokenStreamContext at = place;
        at != null && !at.equals(begin) && !at.inRoot();
        at = at.getParent()) {
      steps.addFirst(text(at.inObject() ? at.currentName() : null, at.getCurrentIndex()));
    }
    return joined(root, steps);
  }

  private static String joined(String root, List<String> steps) {
    if (steps.size() > STEPS_SHOWN) {
      steps.subList(STEPS_SHOWN / 2, steps.size() - STEPS_SHOWN / 2).clear();
      steps.add(STEPS_SHOWN / 2, "[...]");
    }
    String path = root + String.join("", steps);
    return path.startsWith(".") ? path.substring(1) : path;
  }

  /// A property of what the path names so far.
  static String step(String name) {
    return text(name, -1);
  }

  private static String text(Reference step) {
    return text(step.getPropertyName(), step.getIndex());
  }

  private static String text(@Nullable String name, int index) {
    if (name == null) {
      return "[" + index + "]";
    }
    return PLAIN_NAME.matcher(name).matches() ? "." + name : "[\"" + shortened(name, 60) + "\"]";
  }

  /// What stands in `tree` where `failure` happened.
  static JsonNode resolve(JsonNode tree, JacksonException failure) {
    JsonNode node = tree;
    for (Reference step : failure.getPath()) {
      String name = step.getPropertyName();
      node = name == null ? node.path(step.getIndex()) : node.path(name);
    }
    return node;
  }

  /// `node` in the words of an error message.
  static String describe(JsonNode node) {
    return switch (node.getNodeType()) {
      case MISSING -> "nothing";
      case NULL -> "None";
      case BOOLEAN -> node.booleanValue() ? "True" : "False";
      case STRING -> "the text \"" + shortened(node.stringValue(), 60) + '"';
      case NUMBER -> "the number " + shortened(node.asString(), 60);
      case ARRAY -> "a list of " + node.size();
      case OBJECT -> describeNames(node);
      case BINARY -> "bytes";
      case POJO -> "something else";
    };
  }

  private static String describeNames(JsonNode object) {
    return object.isEmpty()
        ? "an empty object"
        : "an object with " + shortened(String.join(", ", object.propertyNames()), 60);
  }

  static String shortened(String text, int max) {
    return text.length() <= max ? text : text.substring(0, max) + "...";
  }
}
