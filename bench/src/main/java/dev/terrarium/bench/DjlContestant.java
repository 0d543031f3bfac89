package dev.terrarium.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import ai.djl.ModelException;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.ReentrantLock;
import tools.jackson.databind.json.JsonMapper;

/// DJL's Python engine: one model, and for each worker a predictor, which is a process of the
/// engine. Its Python files come with its jar; they need numpy.
final class DjlContestant implements Contestant {
  private static final JsonMapper JSON = new JsonMapper();

  private final Path directory;
  private final ZooModel<Input, Output> model;
  private final List<Worker> workers;
  private final List<Long> pids;

  private DjlContestant(
      Path directory, ZooModel<Input, Output> model, List<Worker> workers, List<Long> pids) {
    this.directory = directory;
    this.model = model;
    this.workers = workers;
    this.pids = pids;
  }

  static DjlContestant start(Settings settings) throws Exception {
    Path directory = ownDirectory();
    var model = load(settings);
    List<Future<Worker>> started = new ArrayList<>();
    try (ExecutorService starters = Executors.newFixedThreadPool(settings.workers())) {
      for (int i = 0; i < settings.workers(); i++) {
        started.add(starters.submit((Callable<Worker>) () -> new Worker(model.newPredictor())));
      }
    }
    List<Worker> workers = new ArrayList<>();
    for (Future<Worker> worker : started) {
      workers.add(worker.get());
    }
    var contestant = new DjlContestant(directory, model, workers, ProcessTree.below());
    contestant.callEach();
    return contestant;
  }

  /// The engine leaves files with pids in the temporary directory, and kills whoever has such a pid
  /// when it finds one later: so it gets a directory in which nobody left one.
  private static Path ownDirectory() throws IOException {
    Path directory = Files.createTempDirectory("djl");
    System.setProperty("java.io.tmpdir", directory.toString());
    return directory;
  }

  private static ZooModel<Input, Output> load(Settings settings)
      throws ModelException, IOException {
    return Criteria.builder()
        .setTypes(Input.class, Output.class)
        .optEngine("Python")
        .optModelPath(settings.script("djl"))
        .optOption("pythonExecutable", settings.python())
        .build()
        .loadModel();
  }

  @Override
  public Caller caller(int number) {
    return workers.get(number % workers.size());
  }

  @Override
  public void callEach() throws TranslateException {
    for (Worker worker : workers) {
      worker.echo("?");
    }
  }

  @Override
  public List<Long> pids() {
    return pids;
  }

  @Override
  public void close() throws IOException {
    workers.forEach(worker -> worker.predictor.close());
    model.close();
    try (var files = Files.walk(directory)) {
      for (Path path : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /// A predictor has one call at a time.
  private static final class Worker implements Caller {
    private final Predictor<Input, Output> predictor;
    private final ReentrantLock lock = new ReentrantLock();

    Worker(Predictor<Input, Output> predictor) {
      this.predictor = predictor;
    }

    @Override
    public String echo(String text) throws TranslateException {
      return new String(bytes(text.getBytes(UTF_8)), UTF_8);
    }

    @Override
    public Reading call(Reading reading) throws TranslateException {
      var input = new Input();
      input.addProperty("json", "");
      input.add(JSON.writeValueAsBytes(reading));
      return JSON.readValue(predict(input), Reading.class);
    }

    @Override
    public byte[] bytes(byte[] bytes) throws TranslateException {
      var input = new Input();
      input.add(bytes);
      return predict(input);
    }

    private byte[] predict(Input input) throws TranslateException {
      lock.lock();
      try {
        return predictor.predict(input).getData().getAsBytes();
      } finally {
        lock.unlock();
      }
    }
  }
}
