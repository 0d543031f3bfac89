package dev.terrarium.bench;

import java.io.IOException;
import java.util.List;
import py4j.ClientServer;
import tools.jackson.databind.json.JsonMapper;

/// py4j: one `ClientServer` a worker, called from Java by way of its entry point, on TCP (it knows
/// no other socket). A connection belongs to a thread, as py4j's threading model has it.
final class Py4jContestant implements Contestant {
  private static final JsonMapper JSON = new JsonMapper();

  private final ForkedScripts scripts;
  private final List<Worker> workers;

  private Py4jContestant(ForkedScripts scripts, List<Worker> workers) {
    this.scripts = scripts;
    this.workers = workers;
  }

  /// What `py4j_worker.py` offers; py4j asks for a public interface.
  public interface Tools {
    String echo(String text);

    String call(String json);

    byte[] bytes(byte[] value);
  }

  static Py4jContestant start(Settings settings) throws IOException {
    var scripts = ForkedScripts.start(settings, "py4j_worker.py", _ -> List.of());
    var workers = scripts.firstLines().stream().map(Integer::valueOf).map(Worker::at).toList();
    var contestant = new Py4jContestant(scripts, workers);
    contestant.callEach();
    return contestant;
  }

  @Override
  public Caller caller(int number) {
    return workers.get(number % workers.size());
  }

  @Override
  public void callEach() {
    workers.forEach(worker -> worker.echo("?"));
  }

  @Override
  public List<Long> pids() {
    return scripts.pids();
  }

  @Override
  public void close() throws IOException {
    workers.forEach(worker -> worker.server.shutdown());
    scripts.end();
  }

  private record Worker(ClientServer server, Tools tools) implements Caller {
    static Worker at(int port) {
      var server =
          new ClientServer.ClientServerBuilder()
              .pythonPort(port)
              .autoStartJavaServer(false)
              .build();
      return new Worker(
          server, (Tools) server.getPythonServerEntryPoint(new Class<?>[] {Tools.class}));
    }

    @Override
    public String echo(String text) {
      return tools.echo(text);
    }

    @Override
    public Reading call(Reading reading) {
      return JSON.readValue(tools.call(JSON.writeValueAsString(reading)), Reading.class);
    }

    @Override
    public byte[] bytes(byte[] bytes) {
      return tools.bytes(bytes);
    }
  }
}
