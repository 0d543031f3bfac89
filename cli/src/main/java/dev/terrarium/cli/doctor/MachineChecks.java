package dev.terrarium.cli.doctor;

import dev.terrarium.Platform;
import dev.terrarium.StartFailedException;
import dev.terrarium.base.Count;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.process.Machine;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/// What the kernel offers and allows, and what time it is.
final class MachineChecks {
  /// Without these no runtime starts.
  private static final Set<String> NEEDED = Set.of("pidfd", "proc", "birthmark", "subreaper");

  /// A worker takes about six descriptors in the JVM and the warden, and threads count as
  /// processes.
  private static final long FILES_MIN = 1_024;

  private static final String FILES_REMEDY =
      "raise it: ulimit -n 65536, LimitNOFILE= in systemd, --ulimit nofile= in docker";
  private static final long PROCESSES_MIN = 512;
  private static final long ZOMBIES_MAX = 10;
  private static final Duration CLOCK_TOLERANCE = Duration.ofMinutes(1);

  private MachineChecks() {}

  static List<Finding> of(List<KnownRun> runs) {
    List<Finding> findings = new ArrayList<>();
    findings.add(kernel());
    Machine.features().forEach(it -> findings.add(feature(it)));
    findings.add(files());
    findings.add(processes());
    findings.add(clock(runs));
    if (ProcFs.objection().isEmpty()) {
      findings.add(firstProcess());
    }
    return findings;
  }

  private static Finding kernel() {
    String is = "%s %s".formatted(System.getProperty("os.name"), System.getProperty("os.version"));
    try {
      Platform.check();
      return Finding.ok("kernel", is);
    } catch (StartFailedException e) {
      return Finding.fail("kernel", is, String.valueOf(e.getMessage()));
    }
  }

  private static Finding feature(Machine.Feature feature) {
    if (feature.available()) {
      return Finding.ok(feature.name(), feature.detail());
    }
    return NEEDED.contains(feature.name())
        ? Finding.fail(feature.name(), "missing, and needed", feature.detail())
        : Finding.warn(feature.name(), "not available; everything else works", feature.detail());
  }

  private static Finding files() {
    OptionalLong limit = Machine.openFiles();
    String detail = limit.isPresent() ? "%,d".formatted(limit.getAsLong()) : "unlimited";
    long open = limit.orElse(Long.MAX_VALUE);
    if (open < Machine.OPEN_FILES_MIN) {
      String needed = "%s; a runtime needs %d at least".formatted(detail, Machine.OPEN_FILES_MIN);
      return Finding.fail("open files", needed, FILES_REMEDY);
    }
    return open >= FILES_MIN
        ? Finding.ok("open files", detail)
        : Finding.warn("open files", detail + "; each worker takes about six", FILES_REMEDY);
  }

  /// The least of what limits the user, the container and the machine.
  private static Finding processes() {
    long user = Machine.softLimit("Max processes").orElse(Long.MAX_VALUE);
    long container =
        Machine.ownCgroup().flatMap(it -> number(it.resolve("pids.max"))).orElse(Long.MAX_VALUE);
    long machine = number(Path.of("/proc/sys/kernel/threads-max")).orElse(Long.MAX_VALUE);
    long least = Math.min(machine, Math.min(user, container));
    String detail = least == Long.MAX_VALUE ? "unlimited" : "%,d".formatted(least);
    return least >= PROCESSES_MIN
        ? Finding.ok("processes", detail)
        : Finding.warn(
            "processes",
            detail + ", threads included",
            "raise it: ulimit -u, TasksMax= in systemd, --pids-limit in docker");
  }

  /// By lines: `Files.readString` begins with a read of one byte, after which the kernel takes a
  /// number of `/proc/sys` for told.
  private static Optional<Long> number(Path file) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .map(String::strip)
          .filter(text -> text.matches("\\d{1,18}"))
          .map(Long::valueOf)
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /// All durations are measured by a clock that nobody sets; times in files are not.
  private static Finding clock(List<KnownRun> runs) {
    Instant now = Instant.now();
    Optional<Instant> latest =
        runs.stream()
            .flatMap(it -> it.manifest().stream())
            .map(it -> it.startedAt())
            .max(Instant::compareTo);
    String remedy =
        "set the clock, by NTP or chrony; clean-ups do not depend on it, times in logs do";
    if (now.isBefore(ProcFs.startedAt(0).minus(CLOCK_TOLERANCE))) {
      return Finding.warn("clock", "%s is before this machine was started".formatted(now), remedy);
    }
    if (latest.filter(it -> it.isAfter(now.plus(CLOCK_TOLERANCE))).isPresent()) {
      return Finding.warn(
          "clock", "%s, and a run was started at %s".formatted(now, latest.get()), remedy);
    }
    return Finding.ok("clock", now.toString());
  }

  /// In a container process 1 inherits what nobody waits for, and may be a program that does not
  /// know.
  private static Finding firstProcess() {
    long zombies =
        ProcFs.pids().stream()
            .flatMap(pid -> ProcFs.stat(pid).stream())
            .filter(stat -> stat.parent() == 1 && stat.dead())
            .count();
    String name = ProcFs.stat(1).map(ProcStat::comm).orElse("not visible");
    return zombies <= ZOMBIES_MAX
        ? Finding.ok("process 1", name)
        : Finding.warn(
            "process 1",
            "%s does not collect its children: %s"
                .formatted(name, Count.grouped(zombies, "zombie", "zombies")),
            "have an init there (docker run --init); zombies run no code, and take up numbers");
  }
}
