package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.registry.WorkerRow.Activation;
import java.time.Instant;
import java.util.Optional;
import java.util.zip.CRC32C;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// A line of the ledger: JSON whose last field is the CRC32C of all that stands before it, such as
/// `{"op":"release","number":7,"at":"…","crc":"0a1b2c3d"}`. Any tool for JSON reads it, and whether
/// it is whole is decided by its bytes.
sealed interface LedgerLine {
  long number();

  record Reserve(WorkerRow row) implements LedgerLine {
    @Override
    public long number() {
      return row.number();
    }
  }

  record Activate(long number, Activation activation) implements LedgerLine {}

  record Release(long number, Instant at) implements LedgerLine {}

  /// With the line break.
  default byte[] bytes() {
    String json = Json.text(fields());
    String body = json.substring(0, json.length() - 1);
    return (body + ",\"crc\":\"" + crc(body) + "\"}\n").getBytes(UTF_8);
  }

  /// Without the line break.
  ///
  /// @throws IllegalArgumentException if the line is not whole, or not ours
  static LedgerLine parse(String line) {
    int tail = line.lastIndexOf(",\"crc\":\"");
    if (tail < 0 || !line.substring(tail).equals(tail(line.substring(0, tail)))) {
      throw new IllegalArgumentException("the checksum is wrong");
    }
    return of(Json.parse(line));
  }

  private static String tail(String body) {
    return ",\"crc\":\"" + crc(body) + "\"}";
  }

  private static String crc(String body) {
    var crc = new CRC32C();
    crc.update(body.getBytes(UTF_8));
    return "%08x".formatted(crc.getValue());
  }

  private ObjectNode fields() {
    ObjectNode node = Json.object();
    switch (this) {
      case Reserve(var row) -> put(node, row);
      case Activate(var number, var activation) -> put(node, number, activation);
      case Release(var number, var at) ->
          node.put("op", "release").put("number", number).put("at", at.toString());
    }
    return node;
  }

  private static void put(ObjectNode node, WorkerRow row) {
    node.put("op", "reserve").put("number", row.number());
    node.put("worker", row.worker()).put("pool", row.pool());
    node.put("fingerprint", row.fingerprint()).put("at", row.reservedAt().toString());
    Json.put(node, row.origin());
  }

  private static void put(ObjectNode node, long number, Activation activation) {
    node.put("op", "activate").put("number", number);
    node.put("pid", activation.pid()).put("ticks", activation.startTicks());
    node.put("pgid", activation.group()).put("at", activation.at().toString());
  }

  private static LedgerLine of(JsonNode node) {
    long number = Json.integer(node, "number");
    Instant at = Json.instant(node, "at");
    String op = Json.string(node, "op");
    return switch (op) {
      case "reserve" -> new Reserve(row(node, number, at));
      case "activate" -> new Activate(number, activation(node, at));
      case "release" -> new Release(number, at);
      default -> throw new IllegalArgumentException("unknown operation '%s'".formatted(op));
    };
  }

  private static WorkerRow row(JsonNode node, long number, Instant at) {
    return new WorkerRow(
        Json.string(node, "worker"),
        number,
        Json.string(node, "pool"),
        Json.string(node, "fingerprint"),
        Json.origin(node),
        at,
        Optional.empty());
  }

  private static Activation activation(JsonNode node, Instant at) {
    return new Activation(
        Json.integer(node, "pid"), Json.integer(node, "ticks"), Json.integer(node, "pgid"), at);
  }
}
