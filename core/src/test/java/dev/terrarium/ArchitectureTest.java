package dev.terrarium;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.terrarium.process.Cgroups;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// The table of rooms in `docs/architecture.md`, held.
final class ArchitectureTest {
  private static final DescribedPredicate<JavaClass> TESTKIT =
      resideInAPackage("dev.terrarium.testkit");

  private static final JavaClasses LIBRARY =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.terrarium")
          .that(DescribedPredicate.not(TESTKIT));

  // What puts the rest together; all else in dev.terrarium is exceptions and records that anyone
  // may use.
  private static final DescribedPredicate<JavaClass> FACADE =
      resideInAPackage("dev.terrarium")
          .and(
              nameMatching(
                  "dev\\.terrarium\\.(Terrarium|Pool|PoolBuilder|ToolCall|BatchSpliterator|RuntimeParts|RuntimeFiles|RuntimeClock|SharedRuntime|Completions|Preloading|Platform)(\\$.*)?"))
          .as("the facade");

  @Test
  void classesAreReadAtAll() {
    assertThat(LIBRARY).hasSizeGreaterThan(100);
  }

  @Test
  void eachPackageUsesOnlyThoseBelowIt() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("base")
        .definedBy("..base..")
        .layer("json")
        .definedBy("..json..")
        .layer("process")
        .definedBy("..process..")
        .layer("event")
        .definedBy("..event..")
        .layer("registry")
        .definedBy("..registry..")
        .layer("wire")
        .definedBy("..wire..")
        .layer("warden")
        .definedBy("..warden..")
        .layer("call")
        .definedBy("..call..")
        .layer("worker")
        .definedBy("..worker..")
        .layer("pool")
        .definedBy("..pool..")
        .layer("orphan")
        .definedBy("..orphan..")
        .layer("control")
        .definedBy("..control..")
        .layer("facade")
        .definedBy(FACADE)
        .whereLayer("facade")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("orphan")
        .mayOnlyBeAccessedByLayers("facade")
        .whereLayer("control")
        .mayOnlyBeAccessedByLayers("facade")
        .whereLayer("pool")
        .mayOnlyBeAccessedByLayers("facade")
        .whereLayer("worker") // what a pool needs of a worker is in "call"
        .mayOnlyBeAccessedByLayers("facade")
        .whereLayer("call")
        .mayOnlyBeAccessedByLayers("worker", "pool", "facade")
        .whereLayer("warden")
        .mayOnlyBeAccessedByLayers("worker", "orphan", "facade")
        .whereLayer("event")
        .mayOnlyBeAccessedByLayers("orphan", "facade")
        .whereLayer("wire")
        .mayOnlyBeAccessedByLayers("warden", "call", "worker", "pool", "control", "facade")
        .whereLayer("registry")
        .mayOnlyBeAccessedByLayers("worker", "orphan", "control", "facade")
        .whereLayer("process")
        .mayOnlyBeAccessedByLayers(
            "registry", "wire", "warden", "worker", "orphan", "control", "facade")
        .whereLayer("json")
        .mayOnlyBeAccessedByLayers("process", "registry", "wire", "control")
        .check(LIBRARY);
  }

  @Test
  void exceptionsAndRecordsOfTheApiUseNothingOfTheInside() {
    noClasses()
        .that(resideInAPackage("dev.terrarium").and(DescribedPredicate.not(FACADE)))
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.terrarium.*..")
        .check(LIBRARY);
  }

  @Test
  void onlyThePackageForProcessesMakesNativeCalls() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.terrarium.process")
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.Linker")
        .check(LIBRARY);
  }

  @Test
  void onlyTheWardensPackageStartsProcesses() {
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.terrarium.warden", "dev.terrarium.cli..")
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.ProcessBuilder")
        .check(LIBRARY);
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.terrarium.warden", "dev.terrarium.process")
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("dev.terrarium.process.MarkedProcess")
        .check(LIBRARY);
  }

  @Test
  void onlyTheKillerSendsSignals() {
    classes()
        .that()
        .haveFullyQualifiedName("dev.terrarium.process.Pidfd")
        .should()
        .onlyHaveDependentClassesThat()
        .haveNameMatching("dev\\.terrarium\\.process\\.(ProcessKiller|Pidfd)(\\$.*)?")
        .check(LIBRARY);
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("dev.terrarium.process.ProcessKiller")
        .should()
        .callMethod(Cgroups.class, "kill", Path.class)
        .check(LIBRARY);
    noClasses()
        .should()
        .callMethod(ProcessHandle.class, "destroy")
        .orShould()
        .callMethod(ProcessHandle.class, "destroyForcibly")
        .orShould()
        .callMethod(Process.class, "destroy")
        .orShould()
        .callMethod(Process.class, "destroyForcibly")
        .check(LIBRARY);
  }

  @Test
  void theLibraryWritesToNobodysTerminal() {
    noClasses()
        .should()
        .accessField(System.class, "out")
        .orShould()
        .accessField(System.class, "err")
        .check(LIBRARY);
  }

  /// A logging backend that stalls must stall neither the event loop nor the timer nor a close, and
  /// nearly every class runs on one of their threads: so each goes through the queue.
  @Test
  void nobodyCallsALoggerButTheThreadsThatAreThereForIt() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("dev.terrarium.base.LogQueue")
        .and()
        .doNotHaveFullyQualifiedName("dev.terrarium.worker.WorkerLog")
        .and()
        .doNotHaveFullyQualifiedName(
            "dev.terrarium.worker.LogLevels") // asks on that thread, and on that of who starts a
        // pool
        .and(resideOutsideOfPackage("dev.terrarium.cli.."))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.slf4j", "org.slf4j.spi", "org.slf4j.helpers")
        .check(LIBRARY);
  }

  @Test
  void exceptionsAreFinalButForTheirRoot() {
    classes()
        .that()
        .areAssignableTo(TerrariumException.class)
        .and()
        .doNotHaveSimpleName("TerrariumException")
        .should()
        .haveModifier(JavaModifier.FINAL)
        .check(LIBRARY);
  }
}
