package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Escape;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A state directory that takes nothing any more, or nothing at all: no worker without a trace of
/// it, unless that was asked for; and then what a killed host leaves is found by its birthmark.
///
/// Where this machine lets us, the disk is a small one that is mounted for the test. Elsewhere the
/// host's own limit for files stands for a full one, and permissions for one that is read-only.
@Timeout(120)
final class FullDiskTest {
  private static final String MEBIBYTES = "6";

  /// More rows than what is left of a page has room for.
  private static final int MANY = 40;

  @TempDir Path home;
  @TempDir Path files;
  @TempDir Path temporary;
  private boolean mounted;

  /// A host that does what it is told to, step by step: it waits for files.
  static final class Host {
    private final Config config;
    private final Path files;

    private Host(Path home, Path files, Ledger ledger) {
      this.config = Config.defaults().withHome(home).withLedger(ledger);
      this.files = files;
    }

    public static void main(String[] arguments) throws InterruptedException {
      var host =
          new Host(Path.of(arguments[0]), Path.of(arguments[1]), Ledger.valueOf(arguments[2]));
      switch (arguments[3]) {
        case "start" -> host.start();
        case "run" -> host.run();
        default -> host.leave();
      }
    }

    private void start() {
      System.out.println("ready");
      Endings.awaitFile(files.resolve("go"));
      try (Terrarium runtime = Terrarium.start(config);
          Pool pool = Endings.pool(runtime).size(1).start()) {
        System.out.println("started " + pool.tool("echo").args("well").call(String.class));
      } catch (StartFailedException e) {
        System.out.println("failed " + e.reason() + " " + e.getMessage());
      }
      System.out.println("done");
    }

    private void run() {
      Terrarium runtime = Terrarium.start(config);
      Pool first = Endings.pool(runtime).name("first").size(1).start();
      System.out.println("ready");
      Endings.awaitFile(files.resolve("go"));
      System.out.println("second " + start(runtime, "second"));
      var _ = first.tool("say").args("printed on a full disk").call(Object.class);
      System.out.println("first " + first.tool("echo").args("goes on").call(String.class));
      Endings.awaitFile(files.resolve("free"));
      System.out.println("third " + start(runtime, "third"));
      System.out.println("report " + Endings.close(runtime));
    }

    private static String start(Terrarium runtime, String name) {
      try (Pool pool = Endings.pool(runtime).name(name).size(MANY).start()) {
        return "started " + pool.tool("echo").args("well").call(String.class);
      } catch (StartFailedException e) {
        return "failed " + e.getMessage();
      }
    }

    private void leave() throws InterruptedException {
      Terrarium runtime = Terrarium.start(config);
      System.out.println("ready");
      Endings.awaitFile(files.resolve("go"));
      Pool pool = Endings.pool(runtime).size(MANY).start();
      var _ = pool.tool("family").call(List.class);
      System.out.println("rows " + pool.stats().ledgerRows());
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @BeforeEach
  void mountSmallDisk() {
    mounted =
        does("mount", "-t", "tmpfs", "-o", "mode=700,size=" + MEBIBYTES + "m", "test", disk());
  }

  @AfterEach
  void unmount() {
    if (mounted) {
      assertThat(does("umount", "--lazy", disk())).isTrue();
    }
  }

  private String disk() {
    return home.toString();
  }

  private static boolean does(String... command) {
    try (Child child = Child.start(command)) {
      return child.awaitExit() == 0;
    }
  }

  private Jvm host(Ledger ledger, String what) {
    return Jvm.start(
        Host.class,
        Map.of(),
        List.of("-Djava.io.tmpdir=" + temporary),
        disk(),
        files.toString(),
        ledger.name(),
        what);
  }

  /// From now on nothing that this host writes finds room.
  private void fill(Jvm host) throws IOException {
    if (!mounted) {
      limitFiles(host, "1");
      return;
    }
    byte[] block = new byte[4096];
    try (OutputStream out = Files.newOutputStream(home.resolve("filler"))) {
      while (true) {
        out.write(block);
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left");
    }
  }

  private void free(Jvm host) throws IOException {
    if (mounted) {
      Files.delete(home.resolve("filler"));
    } else {
      limitFiles(host, "unlimited");
    }
  }

  private static void limitFiles(Jvm host, String bytes) {
    assertThat(does("prlimit", "--pid", Long.toString(host.pid()), "--fsize=" + bytes + ":"))
        .isTrue();
  }

  private void makeReadOnly() throws IOException {
    if (mounted) {
      assertThat(does("mount", "-o", "remount,ro", disk())).isTrue();
    } else {
      Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("r-xr-xr-x"));
      if (Files.isWritable(home)) {
        abort("nothing can be mounted here, and root writes everywhere");
      }
    }
  }

  private void tell(String what) throws IOException {
    Files.createFile(files.resolve(what));
  }

  @Test
  void aFullOneStartsNoWorkersUntilThereIsRoomAndKeepsThoseThatAreThere() throws IOException {
    assertStartsNoWorkersUntilThereIsRoom(this::fill, this::free);
  }

  /// On a disk the first rows may find room in the ledger's last page. Here not even one does: the
  /// start went on trying, on the spot, and never came back.
  @Test
  void notEvenOneWorkerIsStartedWhereNothingFindsRoom() throws IOException {
    assertStartsNoWorkersUntilThereIsRoom(
        host -> limitFiles(host, "1"), host -> limitFiles(host, "unlimited"));
  }

  private interface Step {
    void take(Jvm host) throws IOException;
  }

  private void assertStartsNoWorkersUntilThereIsRoom(Step fill, Step free) throws IOException {
    try (Jvm host = host(Ledger.REQUIRED, "run")) {
      host.awaitLine("ready");
      fill.take(host);
      tell("go");
      assertThat(host.awaitLine("second "))
          .startsWith("failed")
          .contains("cannot be reserved", disk(), "nothing was started", "free space there");
      assertThat(host.awaitLine("first ")).isEqualTo("goes on");
      free.take(host);
      tell("free");
      assertThat(host.awaitLine("third ")).isEqualTo("started well");
      assertThat(host.awaitLine("report ")).isEqualTo("CloseReport[killed=0, left=0]");
      assertThat(host.awaitExit()).isZero();
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  @Test
  void aFullOneStartsNoRuntimeAndLeavesNothing() throws IOException {
    try (Jvm host = host(Ledger.REQUIRED, "start")) {
      host.awaitLine("ready");
      fill(host);
      tell("go");
      assertThat(host.awaitLine("failed "))
          .startsWith("DIRECTORY")
          .contains(disk(), "TERRARIUM_HOME");
      host.awaitLine("done");
      assertThat(host.awaitExit()).isZero();
      assertThat(Endings.names(home)).isSubsetOf("filler", "python", "runs");
      assertThat(Endings.names(home.resolve("python"))).isEmpty();
    }
  }

  @Test
  void aFullOneIsDoneWithoutWhereThatWasAskedFor() throws IOException {
    try (Jvm host = host(Ledger.BEST_EFFORT, "start")) {
      host.awaitLine("ready");
      fillForGood(host);
      tell("go");
      assertThat(host.awaitLine("started ")).isEqualTo("well");
      assertThat(host.awaitExit()).isZero();
    }
  }

  /// The host's own limit would leave it no other place either.
  private void fillForGood(Jvm host) throws IOException {
    if (!mounted) {
      abort("nothing can be mounted here");
    }
    fill(host);
  }

  @Test
  void whatAKilledHostLeftIsFoundThoughItsLedgerWasFull() throws IOException {
    List<Proc> escaped;
    try (Jvm host = host(Ledger.BEST_EFFORT, "leave")) {
      host.awaitLine("ready");
      fill(host);
      tell("go");
      assertThat(host.awaitLine("rows ")).isEqualTo(Integer.toString(MANY + 1));
      escaped = Escape.from(host, 2);
    }
    assertThat(escaped).allMatch(Endings::lives);
    Files.deleteIfExists(home.resolve("filler"));
    try (LogLines log = LogLines.of("dev.terrarium");
        Terrarium next = Endings.runtime(home)) {
      assertThat(escaped).noneMatch(Endings::lives);
      assertThat(log.containing("2 found, 2 killed, 0 left")).hasSize(1);
      assertThat(Endings.runs(home)).containsExactly(next.runId());
    }
  }

  @Test
  void oneThatIsReadOnlyStartsNoRuntimeAndSaysWhatHelps() throws IOException {
    makeReadOnly();
    tell("go");
    try (Jvm host = host(Ledger.REQUIRED, "start")) {
      assertThat(host.awaitLine("failed "))
          .startsWith("DIRECTORY")
          .contains(disk(), "set TERRARIUM_HOME to a directory that this user can write");
      host.awaitLine("done");
      assertThat(host.awaitExit()).isZero();
      assertThat(Endings.names(temporary)).noneMatch(it -> it.startsWith("terrarium"));
    }
  }

  @Test
  void whatAKilledHostLeftIsFoundThoughTheDirectoryIsReadOnly() throws IOException {
    makeReadOnly();
    tell("go");
    List<Proc> escaped;
    try (Jvm host = host(Ledger.BEST_EFFORT, "leave")) {
      host.awaitLine("rows ");
      escaped = Escape.from(host, 2);
    }
    assertThat(escaped).allMatch(Endings::lives);
    try (Jvm next = host(Ledger.BEST_EFFORT, "start")) {
      assertThat(next.awaitLine("started ")).isEqualTo("well");
      assertThat(escaped).noneMatch(Endings::lives);
      assertThat(next.awaitExit()).isZero();
    }
  }
}
