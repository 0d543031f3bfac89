package dev.terrarium.worker;

import dev.terrarium.PoolConfig;
import dev.terrarium.wire.Messages;
import java.util.List;

/// How a worker's process is to look.
final class SpawnOrders {
  private SpawnOrders() {}

  static Messages.Spawn of(String id, PoolConfig config, Facilities facilities, String token) {
    return new Messages.Spawn(
        id,
        "exec",
        command(id, facilities),
        config.environment(),
        List.copyOf(config.withoutEnvironment()),
        config.workingDirectory().map(path -> path.toAbsolutePath().toString()).orElse(null),
        spec(id, config, facilities, token));
  }

  // The run id stands there for people; nothing is ever killed for bearing it.
  private static List<String> command(String id, Facilities facilities) {
    return List.of(
        facilities.executable(),
        facilities.script(),
        "--snakepit-run-id",
        facilities.run(),
        "--worker",
        id);
  }

  private static Messages.Spec spec(
      String id, PoolConfig config, Facilities facilities, String token) {
    return new Messages.Spec(
        List.of(1),
        new Messages.Token(token),
        facilities.socket(),
        facilities.run(),
        id,
        config.name(),
        null, // the warden chooses
        config.adapter().toString(),
        config.options());
  }
}
