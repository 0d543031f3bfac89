package dev.terrarium.wire;

import static dev.terrarium.wire.RecordingGreeter.next;
import static org.awaitility.Awaitility.await;

import dev.terrarium.base.Log;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.stream.Stream;

/// Runs in a JVM of its own that may have few descriptors: uses them all up, lets somebody dial,
/// and watches the loop. Its last line is the verdict.
final class NoDescriptorsLeft {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private NoDescriptorsLeft() {}

  static void main(String[] args) throws Exception {
    Path socket = Path.of(args[0]);
    var greeter = new RecordingGreeter();
    try (var loop = EventLoop.start("poor")) {
      loop.listen(socket, greeter);
      long before = sockets();
      try (var _ = TestPeer.dial(socket).hello()) {
        next(greeter.connections); // every class that is needed is loaded now
      }
      next(greeter.closed);
      // The JDK gives up the descriptor of a registered channel with the next select.
      await().until(() -> sockets() <= before);
      Log.of(NoDescriptorsLeft.class).warn("{} is loaded as well", "what logs");
      Log.flush(PATIENCE);
      Deque<InputStream> all = takeAllDescriptors();
      all.pop().close();
      long spentBefore = cpuNanosOfTheLoop();
      try (var _ = TestPeer.dial(socket).hello()) {
        await().during(Duration.ofMillis(500)).until(greeter.connections::isEmpty);
        long spent = cpuNanosOfTheLoop() - spentBefore;
        for (InputStream one : all) {
          one.close();
        }
        next(greeter.connections);
        Log.flush(PATIENCE);
        System.out.println(spent < 100_000_000 ? "calm" : "it span: " + spent);
      }
    }
  }

  private static long sockets() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(NoDescriptorsLeft::isSocket).count();
    }
  }

  private static boolean isSocket(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().startsWith("socket:");
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  private static Deque<InputStream> takeAllDescriptors() {
    Deque<InputStream> all = new ArrayDeque<>();
    try {
      while (true) {
        all.push(new FileInputStream("/dev/null"));
      }
    } catch (IOException e) {
      return all;
    }
  }

  private static long cpuNanosOfTheLoop() {
    var threads = ManagementFactory.getThreadMXBean();
    for (long id : threads.getAllThreadIds()) {
      var info = threads.getThreadInfo(id);
      if (info != null && info.getThreadName().equals("terrarium-loop-poor")) {
        return threads.getThreadCpuTime(id);
      }
    }
    throw new AssertionError("no loop");
  }
}
