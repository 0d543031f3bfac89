package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// In a container the JVM often is process 1, and so the parent of all that has lost its own. Of
/// the workers of a warden that was killed each stayed a zombie there, until the container had no
/// numbers left.
@Timeout(90)
final class InheritedZombiesTest {
  @TempDir Path home;

  /// A subreaper, which is to those below it what process 1 is to all. Another library in it has a
  /// child that is dead, and has not asked how it ended yet.
  static final class Host {
    public static void main(String[] arguments) throws IOException {
      Native.becomeSubreaper();
      long foreign = Native.spawn("/bin/sh", "-c", "exit 7");
      Terrarium runtime = Endings.runtime(Path.of(arguments[0]));
      Pool pool = Endings.pool(runtime).size(3).start();
      var _ = pool.tool("family").call(List.class);
      System.out.println("foreign " + foreign);
      System.out.println("ready");
      int _ = System.in.read();
      Trouble.awaitWhole(pool);
      System.out.println("status " + Native.collect(foreign));
      runtime.close();
      System.out.println("closed");
      int _ = System.in.read();
    }
  }

  @Test
  void areCollectedAndNobodyElses() {
    try (Jvm host = Jvm.start(Host.class, home.toString())) {
      long foreign = Long.parseLong(host.awaitLine("foreign "));
      host.awaitLine("ready");
      Proc warden = Endings.warden(host.pid());
      long mark = Endings.birthmark(warden);
      List<Proc> before = Procs.marked(mark);
      Signals.kill(warden);
      Endings.soon().until(() -> before.stream().noneMatch(InheritedZombiesTest::isThere));
      assertThat(Procs.state(foreign)).as("another library's").contains('Z');
      host.say("");
      assertThat(host.awaitLine("status ")).isEqualTo(String.valueOf(7 << 8));
      host.awaitLine("closed");
      assertThat(children(host)).isEmpty();
    }
  }

  /// As a process or a zombie.
  private static boolean isThere(Proc process) {
    return Procs.find(process.pid()).filter(process::is).isPresent();
  }

  private static List<Proc> children(Jvm host) {
    return Procs.all().stream().filter(it -> it.parent() == host.pid()).toList();
  }
}
