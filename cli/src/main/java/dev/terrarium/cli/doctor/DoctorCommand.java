package dev.terrarium.cli.doctor;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.Config;
import dev.terrarium.base.Count;
import dev.terrarium.cli.ExitStatus;
import dev.terrarium.cli.Json;
import dev.terrarium.cli.JsonOption;
import dev.terrarium.cli.Look;
import dev.terrarium.cli.StateOptions;
import dev.terrarium.cli.Table;
import dev.terrarium.cli.Terminal;
import dev.terrarium.cli.Words;
import dev.terrarium.cli.doctor.Finding.Level;
import dev.terrarium.orphan.DetectionCheck.SelfTest;
import dev.terrarium.orphan.DetectionCheck.Validation;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Machine;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.StateDirectory;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Whether this machine is fit, and what stands in the way.
@Command(
    name = "doctor",
    description = "Say what this machine offers, what is wrong with it, and what helps.",
    footer = {
      "",
      "Starts no runtime. The self-test of the detection ends a process of its own, and nobody"
          + " else.",
      "",
      "Exit status: 0 fit (warnings included), 2 wrong usage, 3 something needed is missing, "
          + "130 interrupted."
    })
public final class DoctorCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final JsonOption json;

  @Mixin private final StateOptions options = new StateOptions();

  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      description =
          "The interpreter, a command or a path. Default: $$TERRARIUM_PYTHON, else python3.")
  private @Nullable String python;

  public DoctorCommand(Terminal terminal, JsonOption json) {
    this.terminal = terminal;
    this.json = json;
  }

  /// What was found of the runs.
  private record Runs(List<KnownRun> known, Optional<Validation> validation, List<Finding> found) {}

  private static final Runs NO_RUNS = new Runs(List.of(), Optional.empty(), List.of());

  @Override
  public Integer call() {
    List<Finding> places = new ArrayList<>();
    Runs runs = NO_RUNS;
    try {
      StateDirectory state = options.locate();
      runs = runs(state);
      places.addAll(PlaceChecks.of(state.path(), runs.known()));
    } catch (RegistryException e) {
      places.add(
          Finding.fail(
              "state directory", "there is no place for one", String.valueOf(e.getMessage())));
    }
    List<Finding> findings = new ArrayList<>(MachineChecks.of(runs.known()));
    findings.add(PythonCheck.of(python == null ? Config.defaults().python() : python));
    findings.addAll(places);
    findings.addAll(runs.found());
    boolean fit = findings.stream().noneMatch(it -> it.level() == Level.FAIL);
    if (json.wanted()) {
      terminal.print(Json.write(object(fit, findings, runs.validation())));
    } else {
      table(findings).lines(terminal).forEach(terminal::print);
      terminal.print(verdict(fit, findings));
    }
    return fit ? ExitStatus.DONE : ExitStatus.ENVIRONMENT_NOT_FIT;
  }

  private static Runs runs(StateDirectory state) {
    if (ProcFs.objection().isPresent()) { // which is a finding by itself
      return new Runs(List.of(), Optional.empty(), List.of());
    }
    AuditLog audit =
        Files.isWritable(state.path()) ? AuditLog.ofNoRun(state.path(), "cli") : _ -> {};
    var policy = CleanupPolicy.defaults().reportOnly();
    var detector = new OrphanDetector(state, new ProcessKiller(audit), policy);
    try {
      Look look = Look.at(detector);
      Validation validation = look.detector().validateDetection();
      List<Finding> found = RunChecks.of(look, validation);
      return new Runs(look.overview().runs(), Optional.of(validation), found);
    } catch (RegistryException e) {
      Finding unreadable =
          Finding.fail("runs", "cannot be looked at", String.valueOf(e.getMessage()));
      return new Runs(List.of(), Optional.empty(), List.of(unreadable));
    }
  }

  private static Table table(List<Finding> findings) {
    Table table = new Table(Table.WIDTH, "", "CHECK", "FOUND");
    for (Finding finding : findings) {
      table.row(finding.level().name(), finding.check(), finding.detail());
      if (!finding.remedy().isEmpty()) {
        table.row("", "", "-> " + finding.remedy());
      }
    }
    return table;
  }

  private static String verdict(boolean fit, List<Finding> findings) {
    long warnings = findings.stream().filter(it -> it.level() == Level.WARN).count();
    return "%s; %s"
        .formatted(
            fit ? "this machine is fit" : "this machine is not fit",
            Count.grouped(warnings, "warning", "warnings"));
  }

  private static Map<String, @Nullable Object> object(
      boolean fit, List<Finding> findings, Optional<Validation> validation) {
    return Json.object(
        "fit", fit,
        "findings", findings.stream().map(DoctorCommand::object).toList(),
        "detection", validation.map(DoctorCommand::object).orElse(null));
  }

  private static Map<String, @Nullable Object> object(Finding finding) {
    return Json.object(
        "check", finding.check(),
        "level", finding.level().name(),
        "detail", finding.detail(),
        "remedy", finding.remedy().isEmpty() ? null : finding.remedy());
  }

  private static Map<String, @Nullable Object> object(Validation validation) {
    return Json.object(
        "status", Words.of(validation.status()),
        "processes", validation.processes(),
        "active_workers", validation.activeWorkers(),
        "validation_test",
            validation.verdicts().stream()
                .map(it -> Json.object("pid", it.pid(), "proved", it.proved(), "why", it.why()))
                .toList(),
        "machine", machine(validation.machine()),
        "self_test", validation.selfTest() instanceof SelfTest.Failed(var why) ? why : "passed");
  }

  private static Map<String, @Nullable Object> machine(List<Machine.Feature> features) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    features.forEach(feature -> object.put(feature.name(), feature.available()));
    return object;
  }
}
