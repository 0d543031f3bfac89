package dev.terrarium.orphan;

import dev.terrarium.OrphanEnding;
import dev.terrarium.OrphanProcess.Recorded;
import dev.terrarium.base.Count;
import dev.terrarium.base.Log;
import dev.terrarium.orphan.CleanupReport.Finding;
import dev.terrarium.orphan.CleanupReport.InUse;
import dev.terrarium.orphan.CleanupReport.Incomplete;
import dev.terrarium.orphan.CleanupReport.Postponed;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.orphan.CleanupReport.Untouched;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Says what clean-ups have found, each thing once: what cannot be ended, or is spared, is found
/// again by every look. Not for several threads at once.
final class CleanupLog {
  private static final Log LOG = Log.of(CleanupLog.class);

  private Set<Object> said = Set.of();

  /// Says what the report before this one did not have.
  ///
  /// @return the processes among it
  List<OrphanEnding> say(CleanupReport report) {
    var now = new HashSet<Object>();
    report.findings().stream().filter(this::isNew).forEach(CleanupLog::sayFinding);
    report.findings().forEach(finding -> now.add(key(finding)));
    List<OrphanEnding> news =
        report.found().stream().filter(it -> !said.contains(key(it))).toList();
    report.found().forEach(process -> now.add(key(process)));
    said = now;
    if (news.isEmpty()) {
      LOG.debug("No orphaned processes, {}", summary(report));
    } else {
      LOG.warn(
          "Orphaned processes of dead runs: {} found, {} killed, {} left"
              + " ({} of recorded workers, {} of reserved ones, {} in no row), {}",
          report.found().size(),
          report.killed(),
          report.left().size(),
          report.found(Recorded.ACTIVATED),
          report.found(Recorded.RESERVED),
          report.found(Recorded.NOT_AT_ALL),
          summary(report));
    }
    return news;
  }

  private boolean isNew(Finding finding) {
    return !said.contains(key(finding));
  }

  private static Object key(Finding finding) {
    return List.of(finding.directory(), finding.getClass(), finding.why());
  }

  private static Object key(OrphanEnding orphan) {
    return List.of(orphan.process().pid(), orphan.process().startTicks(), orphan.ending());
  }

  private static String summary(CleanupReport report) {
    return "%s, %d alive, %d cleaned up, in %d ms"
        .formatted(
            Count.of(report.findings().size(), "other run", "other runs"),
            report.findings().stream().filter(CleanupLog::isAlive).count(),
            report.with(Removed.class).size(),
            report.took().toMillis());
  }

  private static boolean isAlive(Finding finding) {
    return finding instanceof InUse || finding instanceof Untouched(_, RunState.Live _);
  }

  private static void sayFinding(Finding finding) {
    switch (finding) {
      case InUse _, Removed _, Untouched(_, RunState.Live _) ->
          LOG.debug("{}: {}", finding.directory(), finding.why());
      case Untouched _ ->
          LOG.warn(
              "{}: {}; it is not touched, and `terrarium doctor` says what helps",
              finding.directory(),
              finding.why());
      case Incomplete _, Postponed _ ->
          LOG.warn("{}: {}; the next start tries again", finding.directory(), finding.why());
    }
  }
}
