package dev.terrarium.bench;

import java.io.IOException;
import java.util.List;

/// One way to call Python from Java. Whoever has one ([#start]) has its workers running.
interface Contestant extends AutoCloseable {
  /// Starts the workers and returns when each of them has answered once.
  static Contestant start(Settings settings) throws Exception {
    return switch (settings.contestant()) {
      case "terrarium" -> TerrariumContestant.start(settings);
      case "floor" -> FloorContestant.start(settings, FloorContestant.Kind.PLAIN);
      case "floor-json" -> FloorContestant.start(settings, FloorContestant.Kind.JSON);
      case "floor-shared" -> FloorContestant.start(settings, FloorContestant.Kind.SHARED);
      case "grpc" -> GrpcContestant.start(settings);
      case "djl" -> DjlContestant.start(settings);
      case "py4j" -> Py4jContestant.start(settings);
      default -> throw new IllegalArgumentException("no such contestant: " + settings.contestant());
    };
  }

  /// What the caller's thread with this number calls through. Where workers are handed out by
  /// number, caller `n` has worker `n` modulo their number.
  Caller caller(int number);

  /// Has each worker answer one small call, whatever its pool would prefer.
  void callEach() throws Exception;

  /// The processes that run the tools, without helpers.
  List<Long> pids();

  /// Ends the workers and waits for their end.
  @Override
  void close() throws IOException;

  /// Calls a function that gives its argument back. What a contestant cannot do, it says so by an
  /// [UnsupportedOperationException].
  interface Caller {
    default String echo(String text) throws Exception {
      throw new UnsupportedOperationException("no text");
    }

    default Reading call(Reading reading) throws Exception {
      throw new UnsupportedOperationException("no call with fields");
    }

    default byte[] bytes(byte[] bytes) throws Exception {
      throw new UnsupportedOperationException("no bytes");
    }
  }
}
