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

  static Map<String, Object> fields(RunIdentity identity) {
    ProcessIdentity host = identity.host();
    Birthmark mark = identity.birthmark().orElse(null);
    return PlainJson.object(
        "run", identity.run().value(),
        "birthmark", mark == null ? null : mark.run(),
        "host", PlainJson.object("pid", host.pid(), "ticks", host.startTicks()),
        "boot", host.bootId(),
        "pid_namespace", identity.pidNamespace(),
        "uid", identity.uid());
  }

  static RunIdentity identity(Fields fields) {
    Fields host = fields.object("host");
    return new RunIdentity(
        RunId.parse(fields.text("run")),
        fields.has("birthmark")
            ? Optional.of(new Birthmark(fields.integer("birthmark")))
            : Optional.empty(),
        new ProcessIdentity(fields.text("boot"), host.integer("pid"), host.integer("ticks")),
        fields.text("pid_namespace"),
        fields.integer("uid"));
  }

  static String text(RunManifest manifest) {
    Map<String, Object> fields = fields(manifest.identity());
    fields.put("started_at", manifest.startedAt().toString());
    fields.put("sockets", manifest.sockets().toString());
    return PlainJson.text(fields);
  }

  /// @throws IllegalArgumentException if the text does not describe a run
  static RunManifest runManifest(String text) {
    Fields fields = PlainJson.parse(text);
    return new RunManifest(
        identity(fields), instant(fields, "started_at"), Path.of(fields.text("sockets")));
  }

  static Instant instant(Fields fields, String name) {
    try {
      return Instant.parse(fields.text(name));
    } catch (DateTimeParseException e) {
      throw fields.refusal(name, "it is no time");
    }
  }
}
