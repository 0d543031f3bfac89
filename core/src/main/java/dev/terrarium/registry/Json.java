package dev.terrarium.registry;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.RunId;
import java.nio.file.Path;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The JSON of `run.json`, and of what each row of the ledger repeats from it.
final class Json {
  private static final JsonMapper MAPPER = JsonMapper.shared();

  private Json() {}

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  static String text(ObjectNode node) {
    return MAPPER.writeValueAsString(node);
  }

  /// @throws IllegalArgumentException if the text is no JSON
  static JsonNode parse(String text) {
    try {
      return MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("no JSON: " + e.getOriginalMessage(), e);
    }
  }

  static void put(ObjectNode node, Origin origin) {
    node.put("run", origin.run().value());
    origin.birthmark().ifPresent(mark -> node.put("birthmark", mark.run()));
    ObjectNode host = node.putObject("host");
    host.put("pid", origin.host().pid());
    host.put("ticks", origin.host().startTicks());
    node.put("boot", origin.host().bootId());
    node.put("pid_namespace", origin.pidNamespace());
    node.put("uid", origin.uid());
  }

  static Origin origin(JsonNode node) {
    return new Origin(
        RunId.parse(string(node, "run")),
        birthmark(node),
        new ProcessIdentity(
            string(node, "boot"),
            integer(node.path("host"), "pid"),
            integer(node.path("host"), "ticks")),
        string(node, "pid_namespace"),
        integer(node, "uid"));
  }

  private static Optional<Birthmark> birthmark(JsonNode node) {
    return node.has("birthmark")
        ? Optional.of(new Birthmark(integer(node, "birthmark")))
        : Optional.empty();
  }

  static String text(RunDetails details) {
    ObjectNode node = object();
    put(node, details.origin());
    node.put("started_at", details.startedAt().toString());
    node.put("sockets", details.sockets().toString());
    return text(node);
  }

  /// @throws IllegalArgumentException if the text does not describe a run
  static RunDetails runDetails(String text) {
    JsonNode node = parse(text);
    return new RunDetails(
        origin(node), instant(node, "started_at"), Path.of(string(node, "sockets")));
  }

  static long integer(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw new IllegalArgumentException("field '%s' is not an integer".formatted(field));
    }
    return value.longValue();
  }

  static String string(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (!value.isString()) {
      throw new IllegalArgumentException("field '%s' is not a text".formatted(field));
    }
    return value.stringValue();
  }

  static Instant instant(JsonNode node, String field) {
    try {
      return Instant.parse(string(node, field));
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException("field '%s' is not a time".formatted(field), e);
    }
  }
}
