package dev.terrarium;

import static dev.terrarium.Trouble.PATIENCE;
import static dev.terrarium.Trouble.kill;
import static dev.terrarium.Trouble.pid;
import static dev.terrarium.Trouble.write;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Imports, and agents that were there before, that change what the runtime stands on: the standard
/// library, signals, threads, descriptors, the standard streams. The call works, forked where a
/// fork is safe; where it is not, one line says why.
@Timeout(120)
final class HostileImportTest {
  private static final String HOW =
      """

      import sys
      from terrarium import tool

      @tool
      def how() -> str:
          return "zygote" if "terrarium._zygote" in sys.modules else "exec"
      """;

  @TempDir private Path directory;

  private PoolBuilder pool(String source) {
    return Trouble.pool(directory, source + HOW).name("hostile").size(2);
  }

  private static String how(Pool pool) {
    return requireNonNull(pool.tool("how").call(String.class));
  }

  private static void assertForkedInPeace(PoolBuilder builder) {
    try (LogLines said = LogLines.ofWorkers()) {
      try (Pool pool = builder.start()) {
        assertThat(how(pool)).isEqualTo("zygote");
        assertThat(pool.stats().restarts()).isZero();
      }
      assertThat(said.containing("WARN")).isEmpty();
      assertThat(said.containing("stderr")).isEmpty();
    }
  }

  private static String awaitWord(LogLines said, String text) {
    await().atMost(PATIENCE).until(() -> !said.containing(text).isEmpty());
    return said.containing(text).getFirst();
  }

  /// gevent's `patch_all` takes `select.poll` away and puts its own `os.fork` and `time.sleep` in
  /// the place of the system's; tracers wrap what they like. A zygote that looked these up when it
  /// needed them hung or died.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "select.poll",
        "os.fork",
        "os.waitpid",
        "os.read",
        "os.write",
        "os.close",
        "os.listdir",
        "os.getpid",
        "os.pipe",
        "os.dup2",
        "time.sleep",
        "time.monotonic",
        "_socket.socket",
        "socket.socket",
        "fcntl.fcntl",
        "resource.setrlimit",
        "json.loads",
        "json.dumps",
        "_thread.start_new_thread",
        "builtins.open",
        "atexit.register"
      })
  void whatAnImportPutsIntoTheStandardLibraryDoesNotReachTheRuntime(String patched) {
    String module = patched.substring(0, patched.lastIndexOf('.'));
    String patch =
        """
        import %s
        def _broken(*_, **__):
            raise RuntimeError("not the system's")
        %s = _broken
        """
            .formatted(module, patched);
    assertForkedInPeace(pool(patch));
  }

  /// A zygote that waited for the process in the middle found that somebody had collected it, died
  /// of ChildProcessError after each fork, and was imported anew for ever.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "signal.SIG_IGN | 1",
        "lambda *_: os.waitpid(-1, os.WNOHANG) | <function <lambda> at",
      })
  void whoIgnoresOrCollectsChildrenIsForkedAsEver(String handler, String kept) {
    String source =
        """
        import os, signal
        signal.signal(signal.SIGCHLD, %s)
        IMPORTED = os.urandom(8).hex()

        from terrarium import tool

        @tool
        def imported():
            return IMPORTED

        @tool
        def handler():
            found = signal.getsignal(signal.SIGCHLD)
            return str(int(found) if isinstance(found, int) else found)
        """
            .formatted(handler);
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(source).size(1).start()) {
      Set<String> imports = new HashSet<>();
      for (int round = 0; round < 5; round++) {
        imports.add(pool.tool("imported").call(String.class));
        assertThat(pool.tool("handler").call(String.class)).startsWith(kept);
        long worker = pid(pool);
        kill(worker);
        await().atMost(PATIENCE).until(() -> pool.stats().idle() == 1 && pid(pool) != worker);
      }
      assertThat(imports).as("the zygote that was there first").hasSize(1);
      assertThat(how(pool)).isEqualTo("zygote");
      assertThat(said.containing("stderr")).isEmpty();
    }
  }

  @Test
  void threadsThatTheImportHasJoinedAreNoReasonNotToFork() {
    String joined =
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as executor:
            list(executor.map(abs, range(4)))
        """;
    for (int round = 0; round < 5; round++) {
      assertForkedInPeace(pool(joined));
    }
  }

  /// All workers shared one epoll and one socket pair: each took what was to wake another, and of
  /// eight calls three hung until their deadline.
  @Test
  void anEventLoopMadeByTheImportIsNamedAndNotShared() {
    String loop =
        """
        import asyncio, os, time
        from terrarium import tool
        LOOP = asyncio.new_event_loop()

        @tool
        def work(n: int) -> int:
            async def many():
                for _ in range(n):
                    await LOOP.run_in_executor(None, time.sleep, 0.002)
                return os.getpid()
            return LOOP.run_until_complete(many())
        """;
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(loop).size(4).start()) {
      List<CompletableFuture<Integer>> calls =
          IntStream.range(0, 8)
              .mapToObj(_ -> pool.tool("work").args(20).callAsync(Integer.class))
              .toList();
      assertThat(calls).allSatisfy(call -> assertThat(call.join()).isPositive());
      assertThat(how(pool)).isEqualTo("exec");
      assertThat(awaitWord(said, "open descriptors"))
          .startsWith(
              "WARN Pool 'hostile': after importing adapter.py there are 3 open descriptors")
          .contains("an epoll (descriptor ")
          .contains("a socket (descriptor ")
          .contains("Open them in @on_start");
    }
  }

  private static final String THREAD =
      """
      import ctypes
      from _thread import allocate_lock, start_new_thread
      NAMED, FOR_EVER = allocate_lock(), allocate_lock()
      NAMED.acquire(); FOR_EVER.acquire()

      def stay():
          ctypes.CDLL(None).prctl(15, b"%s", 0, 0, 0)  # PR_SET_NAME
          NAMED.release()
          FOR_EVER.acquire()

      start_new_thread(stay, ())
      NAMED.acquire()
      """;

  /// pandas, scikit-learn and polars were always started by exec because of one thread of pyarrow's
  /// jemalloc, which looks after itself around a fork.
  @Test
  void aThreadThatIsKnownToBeHarmlessIsNoReasonNotToFork() {
    assertForkedInPeace(pool(THREAD.formatted("jemalloc_bg_thd")));
  }

  /// Python 3.12 and later warn of each fork of a process with threads; where the user wants
  /// warnings to be errors, or to be seen, that would be one for each worker.
  @Test
  void whoForksInSpiteOfAHarmlessThreadIsNotWarnedOfIt() {
    assertForkedInPeace(
        pool(THREAD.formatted("jemalloc_bg_thd")).environment("PYTHONWARNINGS", "always"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"my-own-thread", "my-*", "a-thread-with-a-long-name"})
  void aThreadThatTheUserCallsHarmlessIsNoReasonNotToFork(String name) {
    String thread = THREAD.formatted(name.equals("my-*") ? "my-own-thread" : name);
    assertForkedInPeace(pool(thread).harmlessThreads("another", name));
  }

  @Test
  void aThreadThatNobodyCallsHarmlessIsNamedAndIsAReasonNotToFork() {
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(THREAD.formatted("my-own-thread")).harmlessThreads("my-other*").start()) {
      assertThat(how(pool)).isEqualTo("exec");
      assertThat(awaitWord(said, "there are 2 threads"))
          .contains("my-own-thread (no thread of Python's)")
          .contains("harmlessThreads(...)");
    }
  }

  /// The start waited for the whole of startTimeout, failed, and said nothing about why.
  @ParameterizedTest
  @ValueSource(strings = {"before", "after_in_parent", "after_in_child"})
  void aZygoteThatHangsInAForkSaysItsStacksAndWorkersAreStartedByExec(String moment) {
    String hook =
        """
        import os, sys, time

        def hangs_here():
            while "terrarium._zygote" in sys.modules:
                time.sleep(0.01)

        os.register_at_fork(%s=hangs_here)
        """
            .formatted(moment);
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(hook).startTimeout(Duration.ofSeconds(10)).start()) {
      assertThat(how(pool)).isEqualTo("exec");
      assertThat(awaitWord(said, "forks nobody"))
          .startsWith("WARN Pool 'hostile': its zygote forks nobody; workers are started by exec")
          .contains("hangs_here");
    }
  }

  /// A file beside the adapter came before the standard library, and so the runtime's own imports
  /// found it: no traceback, no large values, no worker at all where it was called logging.py.
  @ParameterizedTest
  @EnumSource(Start.class)
  void neighboursCalledLikeTheStandardLibraryDoNotReachTheRuntime(Start start) throws IOException {
    for (String name :
        List.of(
            "traceback",
            "mmap",
            "difflib",
            "inspect",
            "logging",
            "asyncio",
            "threading",
            "random",
            "json",
            "atexit",
            "faulthandler",
            "warnings",
            "re",
            "queue",
            "dataclasses")) {
      write(directory.resolve(name + ".py"), "raise RuntimeError('the neighbour')\n");
    }
    Files.createDirectory(directory.resolve("email"));
    write(directory.resolve("email/__init__.py"), "raise RuntimeError('the neighbour')\n");
    write(directory.resolve("helper.py"), "VALUE = 'of the helper'\n");
    String source =
        """
        import logging, random, email, helper
        from terrarium import tool

        @tool
        def fails():
            raise ValueError("on purpose")

        @tool
        def large(size: int):
            logging.getLogger("a").warning("%s of %s", size, helper.VALUE)
            return bytes(size)

        @tool
        async def later(x: int):
            return x
        """;
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(source).start(start).start()) {
      assertThat(how(pool)).isEqualTo(start == Start.ZYGOTE ? "zygote" : "exec");
      var failed =
          Trouble.failure(ToolException.class, () -> pool.tool("fails").call(Object.class));
      assertThat(failed.python().traceback()).contains("on purpose").contains("in fails");
      assertThat(pool.tool("large").args(3 << 20).call(byte[].class)).hasSize(3 << 20);
      assertThat(pool.tool("later").args(7).call(Integer.class)).isEqualTo(7);
      var unknown =
          Trouble.failure(UnknownToolException.class, () -> pool.tool("larg").call(Object.class));
      assertThat(unknown.nearest()).contains("large");
      awaitWord(said, "of the helper");
      assertThat(awaitWord(said, "'email' of the standard library")).contains("another name");
      assertThat(said.containing("the neighbour")).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"logging", "json", "threading", "traceback", "random", "email", "select"})
  void anAdapterCalledLikeAModuleOfTheStandardLibraryIsRefused(String name) {
    Path adapter = write(directory.resolve(name + ".py"), HOW);
    var refused =
        Trouble.failure(
            StartFailedException.class, () -> Pool.builder().adapter(adapter).size(1).start());
    assertThat(refused)
        .hasMessageContaining("there is a module '" + name + "' already; give the adapter another");
  }

  /// Tee has no `reconfigure`, and no pool started any more.
  @ParameterizedTest
  @EnumSource(Start.class)
  void anAgentThatPutsItsOwnStandardStreamsInFrontHarmsNobody(Start start) {
    write(
        directory.resolve("sitecustomize.py"),
        """
        import sys

        class Tee:
            def __init__(self, stream):
                self.stream = stream

            def write(self, text):
                return self.stream.write(text)

        sys.stdout = Tee(sys.stdout)
        sys.stderr = Tee(sys.stderr)
        print("printed by the agent")
        """);
    String source =
        """
        from terrarium import tool

        @tool
        def say(text: str):
            print(text)
        """;
    try (LogLines said = LogLines.ofWorkers();
        Pool pool =
            pool(source).start(start).environment("PYTHONPATH", directory.toString()).start()) {
      assertThat(how(pool)).isEqualTo(start == Start.ZYGOTE ? "zygote" : "exec");
      pool.tool("say").args("at once, grün").call(Object.class);
      awaitWord(said, "at once, grün");
      awaitWord(said, "printed by the agent");
    }
  }

  /// What agents do before anything of ours runs. With threads, or sockets, that they leave open
  /// the workers are started by exec, where that is no matter.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "sys.stdout = None | zygote",
        "sys.stdout = sys.stderr = object() | zygote",
        "select.poll = os.fork = time.sleep = os.write = None | zygote",
        "[signal.signal(n, print) for n in (1, 2, 15, 17, 23, 28)] | zygote",
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()) | zygote",
        "threading.Thread(target=threading.Event().wait, daemon=True).start() | exec",
        "sys.agent = socket.socketpair() | exec",
      })
  void anAgentThatWasHereFirstHarmsNobody(String agent, String how) {
    write(
        directory.resolve("sitecustomize.py"),
        "import os, select, signal, socket, sys, _thread, threading, time\n" + agent + "\n");
    String source =
        """
        import time
        from terrarium import tool

        @tool
        def sleeps():
            while True:
                pass
        """;
    try (Pool pool = pool(source).environment("PYTHONPATH", directory.toString()).start()) {
      assertThat(how(pool)).isEqualTo(how);
      var late =
          Trouble.failure(
              DeadlineExceededException.class,
              () -> pool.tool("sleeps").deadline(Duration.ofMillis(300)).call(Object.class));
      assertThat(late.pythonStacks().toString()).contains("sleeps");
      await().atMost(PATIENCE).until(() -> pool.stats().idle() == 2);
      assertThat(pool.stats().restarts()).as("it was interrupted, not killed").isZero();
    }
  }
}
