package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.json.Fields;
import dev.terrarium.json.PlainJson;
import dev.terrarium.registry.WorkerRow.Activation;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;

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
    String json = PlainJson.text(fields());
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
    return of(PlainJson.parse(line));
  }

  private static String tail(String body) {
    return ",\"crc\":\"" + crc(body) + "\"}";
  }

  private static String crc(String body) {
    var crc = new CRC32C();
    crc.update(body.getBytes(UTF_8));
    return HexFormat.of().toHexDigits(crc.getValue(), 8);
  }

  private Map<String, Object> fields() {
    return switch (this) {
      case Reserve(var row) -> fields(row);
      case Activate(var number, var activation) ->
          PlainJson.object(
              "op", "activate",
              "number", number,
              "pid", activation.pid(),
              "ticks", activation.startTicks(),
              "pgid", activation.group(),
              "at", activation.at().toString());
      case Release(var number, var at) ->
          PlainJson.object("op", "release", "number", number, "at", at.toString());
    };
  }

  private static Map<String, Object> fields(WorkerRow row) {
    Map<String, Object> fields =
        PlainJson.object(
            "op", "reserve",
            "number", row.number(),
            "worker", row.worker(),
            "role", Fields.word(row.role(), ' '),
            "pool", row.pool(),
            "fingerprint", row.fingerprint(),
            "at", row.reservedAt().toString());
    fields.putAll(Json.fields(row.origin()));
    return fields;
  }

  private static LedgerLine of(Fields fields) {
    long number = fields.integer("number");
    Instant at = Json.instant(fields, "at");
    String op = fields.text("op");
    return switch (op) {
      case "reserve" -> new Reserve(row(fields, number, at));
      case "activate" -> new Activate(number, activation(fields, at));
      case "release" -> new Release(number, at);
      default -> throw new IllegalArgumentException("unknown operation '%s'".formatted(op));
    };
  }

  private static WorkerRow row(Fields fields, long number, Instant at) {
    return new WorkerRow(
        fields.text("worker"),
        WorkerRow.role(fields),
        number,
        fields.text("pool"),
        fields.text("fingerprint"),
        Json.identity(fields),
        at,
        Optional.empty());
  }

  private static Activation activation(Fields fields, Instant at) {
    return new Activation(
        fields.integer("pid"), fields.integer("ticks"), fields.integer("pgid"), at);
  }
}
