package dev.terrarium.base;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Time that stands still until the test lets it pass. Alarms ring on the thread that does, in the
/// order in which they are due, each at its own time.
public final class ManualClock implements Clock {
  private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

  private final List<Entry> entries = new ArrayList<>();
  private long nanos;

  @Override
  public synchronized long nanos() {
    return nanos;
  }

  @Override
  public synchronized Instant instant() {
    return START.plusNanos(nanos);
  }

  @Override
  public synchronized Alarm after(Duration delay, Runnable task) {
    var entry = new Entry(nanos + Math.max(0, Durations.nanos(delay)), task);
    entries.add(entry);
    return () -> cancel(entry);
  }

  private synchronized void cancel(Entry entry) {
    entries.removeIf(each -> each == entry);
  }

  /// Lets time pass.
  public void advance(Duration by) {
    long end = nanos() + by.toNanos();
    for (Entry due = next(end); due != null; due = next(end)) {
      due.task.run();
    }
    moveTo(end);
  }

  private synchronized @Nullable Entry next(long end) {
    Entry first = null;
    for (Entry entry : entries) {
      if (entry.due <= end && (first == null || entry.due < first.due)) {
        first = entry;
      }
    }
    if (first != null) {
      entries.remove(first);
      moveTo(Math.max(nanos, first.due));
    }
    return first;
  }

  private synchronized void moveTo(long moment) {
    nanos = moment;
  }

  /// How many alarms are set.
  public synchronized int alarms() {
    return entries.size();
  }

  private static final class Entry {
    private final long due;
    private final Runnable task;

    Entry(long due, Runnable task) {
      this.due = due;
      this.task = task;
    }
  }
}
