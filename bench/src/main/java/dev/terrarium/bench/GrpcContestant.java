package dev.terrarium.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;

/// grpc-java to grpcio: one server and one channel a worker, bytes as they are, on a Unix socket.
final class GrpcContestant implements Contestant {
  private static final int MESSAGE_BYTES_MAX = 1 << 26;
  private static final JsonMapper JSON = new JsonMapper();
  private static final MethodDescriptor<byte[], byte[]> ECHO = method("Echo");
  private static final MethodDescriptor<byte[], byte[]> CALL = method("Call");

  private final Path directory;
  private final ForkedScripts scripts;
  private final List<Worker> workers;

  private GrpcContestant(Path directory, ForkedScripts scripts, List<Worker> workers) {
    this.directory = directory;
    this.scripts = scripts;
    this.workers = workers;
  }

  static GrpcContestant start(Settings settings) throws IOException {
    Path directory = Files.createTempDirectory("grpc");
    var scripts =
        ForkedScripts.start(
            settings, "grpc_worker.py", i -> List.of(directory.resolve("s" + i).toString()));
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < settings.workers(); i++) {
      workers.add(
          new Worker(
              Grpc.newChannelBuilder(
                      "unix:" + directory.resolve("s" + i), InsecureChannelCredentials.create())
                  .maxInboundMessageSize(MESSAGE_BYTES_MAX)
                  .build()));
    }
    var contestant = new GrpcContestant(directory, scripts, workers);
    contestant.callEach();
    return contestant;
  }

  private static MethodDescriptor<byte[], byte[]> method(String name) {
    return MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName(MethodDescriptor.generateFullMethodName("Bench", name))
        .setRequestMarshaller(AsTheyAre.BYTES)
        .setResponseMarshaller(AsTheyAre.BYTES)
        .build();
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
    for (Worker worker : workers) {
      worker.channel.shutdownNow();
    }
    scripts.end();
    for (int i = 0; i < workers.size(); i++) {
      Files.deleteIfExists(directory.resolve("s" + i));
    }
    Files.delete(directory);
  }

  private record Worker(ManagedChannel channel) implements Caller {
    @Override
    public String echo(String text) {
      return new String(bytes(text.getBytes(UTF_8)), UTF_8);
    }

    @Override
    public Reading call(Reading reading) {
      return JSON.readValue(send(CALL, JSON.writeValueAsBytes(reading)), Reading.class);
    }

    @Override
    public byte[] bytes(byte[] bytes) {
      return send(ECHO, bytes);
    }

    private byte[] send(MethodDescriptor<byte[], byte[]> method, byte[] bytes) {
      return ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, bytes);
    }
  }

  private enum AsTheyAre implements MethodDescriptor.Marshaller<byte[]> {
    BYTES;

    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
