package dev.terrarium.registry;

import dev.terrarium.json.Fields;
import dev.terrarium.json.PlainJson;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.RunId;
import java.nio.file.Path;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Map;
import java.util.Optional;

/// The JSON of `run.json`, and of what each row of the ledger repeats from it.
final class Json {
  private Json() {}

  static Map<String, Object> fields(Origin origin) {
    ProcessIdentity host = origin.host();
    Birthmark mark = origin.birthmark().orElse(null);
    return PlainJson.object(
        "run", origin.run().value(),
        "birthmark", mark == null ? null : mark.run(),
        "host", PlainJson.object("pid", host.pid(), "ticks", host.startTicks()),
        "boot", host.bootId(),
        "pid_namespace", origin.pidNamespace(),
        "uid", origin.uid());
  }

  static Origin origin(Fields fields) {
    Fields host = fields.object("host");
    return new Origin(
        RunId.parse(fields.text("run")),
        fields.has("birthmark")
            ? Optional.of(new Birthmark(fields.integer("birthmark")))
            : Optional.empty(),
        new ProcessIdentity(fields.text("boot"), host.integer("pid"), host.integer("ticks")),
        fields.text("pid_namespace"),
        fields.integer("uid"));
  }

  static String text(RunDetails details) {
    Map<String, Object> fields = fields(details.origin());
    fields.put("started_at", details.startedAt().toString());
    fields.put("sockets", details.sockets().toString());
    return PlainJson.text(fields);
  }

  /// @throws IllegalArgumentException if the text does not describe a run
  static RunDetails runDetails(String text) {
    Fields fields = PlainJson.parse(text);
    return new RunDetails(
        origin(fields), instant(fields, "started_at"), Path.of(fields.text("sockets")));
  }

  static Instant instant(Fields fields, String name) {
    try {
      return Instant.parse(fields.text(name));
    } catch (DateTimeParseException e) {
      throw fields.refusal(name, "it is no time");
    }
  }
}
