package dev.terrarium.bench;

import static java.util.Objects.requireNonNull;

import dev.terrarium.Pool;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// Ours, as a user has it: the defaults, and callers who name no worker.
final class TerrariumContestant implements Contestant, Contestant.Caller {
  private final Pool pool;
  private final Path gate;
  private final List<Long> pids;

  private TerrariumContestant(Pool pool, Path gate) throws Exception {
    this.pool = pool;
    this.gate = gate;
    this.pids = answerTogether();
  }

  static TerrariumContestant start(Settings settings) throws Exception {
    Path gate = Files.createTempFile("terrarium-bench", ".gate");
    String adapter = settings.numpy() ? "echo_numpy.py" : "echo.py";
    Pool pool =
        Pool.builder()
            .adapter(settings.bench().resolve("adapters").resolve(adapter))
            .python(settings.python())
            .size(settings.workers())
            .start();
    return new TerrariumContestant(pool, gate);
  }

  Pool pool() {
    return pool;
  }

  @Override
  public Caller caller(int number) {
    return this;
  }

  @Override
  public void callEach() throws Exception {
    answerTogether();
  }

  /// As many calls as there are workers, none of which ends before all are on their way.
  private List<Long> answerTogether() throws Exception {
    int size = pool.config().size();
    List<CompletableFuture<@Nullable Long>> answers = new ArrayList<>();
    try (var file = FileChannel.open(gate, StandardOpenOption.WRITE)) {
      var lock = file.lock();
      for (int i = 0; i < size; i++) {
        answers.add(
            pool.tool("answer_together").arg("gate", gate.toString()).callAsync(Long.class));
      }
      lock.release();
    }
    List<Long> each =
        answers.stream()
            .map(CompletableFuture::join)
            .map(Objects::requireNonNull)
            .distinct()
            .toList();
    if (each.size() != size) {
      throw new IllegalStateException("%d of %d workers answered".formatted(each.size(), size));
    }
    return each;
  }

  @Override
  public List<Long> pids() {
    return pids;
  }

  @Override
  public void close() throws IOException {
    pool.close();
    Files.delete(gate);
  }

  @Override
  public String echo(String text) {
    return requireNonNull(pool.call("echo", Map.of("value", text), String.class));
  }

  @Override
  public Reading call(Reading reading) {
    return requireNonNull(pool.call("echo", Map.of("value", reading), Reading.class));
  }

  @Override
  public byte[] bytes(byte[] bytes) {
    return requireNonNull(pool.call("echo", Map.of("value", bytes), byte[].class));
  }
}
