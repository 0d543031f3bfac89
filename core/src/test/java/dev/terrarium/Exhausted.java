package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/// A program that runs out of something at a bad moment, and says how it fared.
final class Exhausted {
  /// When.
  enum Moment {
    /// Of descriptors, while the warden is killed.
    RECOVERY,
    /// Of descriptors, while the runtime closes.
    CLOSE,
    /// Of threads, while the runtime closes.
    CLOSE_WITHOUT_THREADS
  }

  private static final BufferedReader INPUT =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  private Exhausted() {}

  public static void main(String[] arguments) throws Exception {
    Terrarium runtime = Endings.runtime(Path.of(arguments[0]));
    Pool pool = Endings.pool(runtime).size(2).start();
    System.out.println("ready: " + pool.tool("echo").args(1).call(Integer.class));
    INPUT.readLine(); // a warden has been killed meanwhile, so that each class has been found
    System.out.println("healed: " + awaitAnswer(pool));
    INPUT.readLine();
    switch (Moment.valueOf(arguments[1])) {
      case RECOVERY -> recover(pool);
      case CLOSE -> close(runtime);
      case CLOSE_WITHOUT_THREADS -> closeWithoutThreads(runtime);
    }
    runtime.close();
    System.out.println("closed: " + runtime.closeReport().orElseThrow());
  }

  private static void recover(Pool pool) throws IOException {
    try (Eaters _ = new Eaters()) {
      System.out.println("exhausted");
      INPUT.readLine();
    }
    System.out.println("then: " + awaitAnswer(pool));
  }

  /// A call may fail while there is no worker; it must not hang, and one must succeed in the end.
  private static int awaitAnswer(Pool pool) {
    while (true) {
      try {
        return requireNonNull(
            pool.tool("echo").args(2).deadline(Duration.ofSeconds(10)).call(Integer.class));
      } catch (TerrariumException e) {
        System.out.println("not yet: " + e);
      }
    }
  }

  private static void close(Terrarium runtime) {
    try (Eaters _ = new Eaters()) {
      runtime.close();
    }
  }

  /// Threads of the usual size need more address space than is left; what is smaller finds room.
  private static void closeWithoutThreads(Terrarium runtime) throws Exception {
    var end = new CountDownLatch(1);
    limitSpace(address() + (256L << 20));
    int threads = 0;
    try {
      for (; ; threads++) {
        Thread.ofPlatform().daemon().start(() -> await(end));
      }
    } catch (OutOfMemoryError e) {
      System.out.println("exhausted after " + threads + ": " + e.getMessage());
    }
    runtime.close();
    end.countDown();
  }

  private static void await(CountDownLatch end) {
    try {
      end.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static long address() throws IOException {
    try (var lines = Files.lines(Path.of("/proc/self/status"))) {
      String size = lines.filter(line -> line.startsWith("VmSize:")).findFirst().orElseThrow();
      return Long.parseLong(size.replaceAll("\\D", "")) * 1024;
    }
  }

  private static void limitSpace(long bytes) throws Exception {
    String pid = String.valueOf(ProcessHandle.current().pid());
    int status =
        new ProcessBuilder("prlimit", "--pid=" + pid, "--as=" + bytes + ":")
            .inheritIO()
            .start()
            .waitFor();
    System.out.println("limited: " + (status == 0));
  }

  /// Two threads that take whatever descriptor becomes free, until they are closed.
  private static final class Eaters implements AutoCloseable {
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean over;

    Eaters() {
      CountDownLatch full = new CountDownLatch(2);
      for (int i = 0; i < 2; i++) {
        threads.add(Thread.ofPlatform().daemon().start(() -> eat(full)));
      }
      Exhausted.await(full);
    }

    private void eat(CountDownLatch full) {
      List<FileInputStream> eaten = new ArrayList<>();
      while (!over) {
        try {
          eaten.add(new FileInputStream("/dev/null"));
        } catch (IOException e) {
          full.countDown();
          Thread.onSpinWait();
        }
      }
      eaten.forEach(Eaters::close);
    }

    private static void close(FileInputStream each) {
      try {
        each.close();
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void close() {
      over = true;
      for (Thread thread : threads) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }
}
