package dev.terrarium.warden;

import dev.terrarium.process.Realm;
import java.nio.file.Path;

/// What one warden looks after.
///
/// @param pool the only pool of its realm, which lives in a PID namespace; empty for the realm that
///   all others share
record Charge(Realm realm, String pool) {
  static final Charge COMMON = new Charge(Realm.COMMON, "");

  boolean enclosed() {
    return !pool.isEmpty();
  }

  /// Where its warden's own words go.
  Path log(Path directory) {
    return directory.resolve(enclosed() ? "warden-%s.log".formatted(pool) : "warden.log");
  }

  /// Its warden, for people.
  String warden(String run) {
    return enclosed()
        ? "warden of pool '%s' of run %s".formatted(pool, run)
        : "warden of run " + run;
  }
}
