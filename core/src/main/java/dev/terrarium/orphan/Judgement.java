package dev.terrarium.orphan;

import dev.terrarium.orphan.KnownRun.Standing;
import dev.terrarium.process.Birthmark;
import dev.terrarium.registry.RunIdentity;
import java.util.Optional;

/// Whether a run lives, by its directory: decided in this one place for those who look and for
/// those who end.
///
/// @param detail for people: why
record Judgement(Standing standing, String detail) {
  static final String NOT_OWN =
      "is a link, or belongs to another user: nothing in it is believed, or touched";

  /// Of a run whose lock somebody holds.
  static Judgement ofLocked(Run run) {
    return isForeign(run.identity())
        ? new Judgement(Standing.FOREIGN, whose(run.identity()))
        : new Judgement(Standing.LIVE, "its lock is held");
  }

  /// Of a run whose lock is free. The order of the questions matters: of another boot nothing can
  /// be alive, whoever it belonged to; and what is another namespace's cannot be judged here.
  static Judgement ofFree(Run run, Evidence evidence) {
    RunIdentity identity = run.identity();
    if (!identity.sameBoot()) {
      return new Judgement(Standing.DEAD, "the machine was started anew since");
    }
    if (isForeign(identity)) {
      return new Judgement(Standing.FOREIGN, whose(identity));
    }
    return identity
        .birthmark()
        .map(mark -> ofMark(run, mark, evidence))
        .orElseGet(
            () ->
                new Judgement(
                    Standing.UNREADABLE, "has no birthmark, so that nothing can be proved"));
  }

  private static Judgement ofMark(Run run, Birthmark mark, Evidence evidence) {
    Optional<String> dispute = evidence.dispute(mark, run.directory());
    if (dispute.isPresent()) {
      return new Judgement(Standing.UNREADABLE, dispute.get());
    }
    return evidence.hostLives(mark) || run.hasWardenUnderItsHost()
        ? new Judgement(Standing.LIVE, "its lock is free, but its host lives")
        : new Judgement(Standing.DEAD, "its lock is free");
  }

  private static boolean isForeign(RunIdentity identity) {
    return !identity.sameUser() || !identity.samePidNamespace();
  }

  private static String whose(RunIdentity identity) {
    return identity.sameUser()
        ? "belongs to namespace " + identity.pidNamespace()
        : "belongs to user " + identity.uid();
  }
}
