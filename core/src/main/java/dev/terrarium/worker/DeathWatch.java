package dev.terrarium.worker;

import dev.terrarium.Exit;
import dev.terrarium.base.Log;
import dev.terrarium.warden.Doubt;
import java.time.Duration;
import org.slf4j.event.Level;

/// Whether the warden reports the death of a worker that it was told to kill. Where it does not, it
/// is asked, and replaced if it does not do its work.
final class DeathWatch {
  /// How long the warden may take to report the death. Then it is asked, and has
  /// [Doubt#ANSWER_TIMEOUT].
  static final Duration WARDEN_SILENCE = Duration.ofSeconds(3);

  /// The worker that was killed.
  interface Subject {
    String id();

    long pid();

    boolean isGone();

    /// It is dead, though the warden has not said so.
    void died(WorkerEvent.Exited how);
  }

  private static final Log LOG = Log.of(Worker.class);

  private final long number;
  private final Facilities facilities;
  private final Subject subject;
  private volatile boolean excused; // the warden, and that was said

  DeathWatch(long number, Facilities facilities, Subject subject) {
    this.number = number;
    this.facilities = facilities;
    this.subject = subject;
  }

  /// The warden has just been told to kill it.
  void begin() {
    facilities.clock().after(WARDEN_SILENCE, this::doubt);
  }

  private void doubt() {
    if (!subject.isGone()) {
      Doubt doubt = facilities.wardens().doubt(number);
      facilities.clock().after(Doubt.ANSWER_TIMEOUT, () -> conclude(doubt));
    }
  }

  private void conclude(Doubt doubt) {
    if (subject.isGone()) {
      return;
    }
    begin();
    String id = subject.id();
    Doubt.Finding finding = doubt.conclude();
    if (finding instanceof Doubt.Finding.Replaced(String why)) {
      LOG.say(
          Level.ERROR,
          "Worker %s was killed, and the warden has not reported its death: the warden is"
              + " replaced (%s)",
          id,
          why);
    } else if (finding instanceof Doubt.Finding.Dead(String why)) {
      LOG.say(
          Level.WARN, "Worker %s, pid %s, is %s; another takes its place", id, subject.pid(), why);
      subject.died(new WorkerEvent.Exited(new Exit.Unknown(why), "", ""));
    } else if (finding instanceof Doubt.Finding.Excused(String why)) {
      LOG.say(
          excused ? Level.DEBUG : Level.WARN,
          "Worker %s, pid %s, does not end: %s",
          id,
          subject.pid(),
          why);
      excused = true;
    }
  }
}
