package dev.terrarium.bench;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Random;
import java.util.function.Supplier;

/// One call of a workload, over and over, by one caller: what is sent differs from call to call,
/// and what comes back is compared with it. Only the call itself is timed.
abstract class Exchange {
  private static final int VARIANTS = 16;

  /// Makes a call.
  ///
  /// @return how long it took, in nanoseconds
  /// @throws WrongAnswerException when something else came back
  abstract long once() throws Exception;

  static Exchange of(Settings settings, Contestant.Caller caller, int number) {
    var random = new Random(number);
    return switch (settings.workload()) {
      case "echo" -> new Echo(caller, random, settings.bytes());
      case "call" -> new Call(caller, random);
      case "bytes" -> new Bytes(caller, random, settings.bytes());
      default -> throw new IllegalArgumentException("no such workload: " + settings.workload());
    };
  }

  /// @param what is said only where it is needed: to write it down costs more than many a call
  private static void check(boolean right, Supplier<String> what) {
    if (!right) {
      throw new WrongAnswerException(what.get());
    }
  }

  private static final class Echo extends Exchange {
    private final Contestant.Caller caller;
    private final String[] texts = new String[VARIANTS];
    private int next;

    Echo(Contestant.Caller caller, Random random, int length) {
      this.caller = caller;
      byte[] bytes = new byte[(length + 1) / 2];
      for (int i = 0; i < VARIANTS; i++) {
        random.nextBytes(bytes);
        texts[i] = HexFormat.of().formatHex(bytes).substring(0, length);
      }
    }

    @Override
    long once() throws Exception {
      String text = texts[next++ % VARIANTS];
      long begin = System.nanoTime();
      String back = caller.echo(text);
      long nanos = System.nanoTime() - begin;
      check(Objects.equals(text, back), () -> "sent %s, got %s".formatted(text, back));
      return nanos;
    }
  }

  private static final class Call extends Exchange {
    private final Contestant.Caller caller;
    private final Reading[] readings = new Reading[VARIANTS];
    private int next;

    Call(Contestant.Caller caller, Random random) {
      this.caller = caller;
      Arrays.setAll(readings, _ -> Reading.random(random));
    }

    @Override
    long once() throws Exception {
      Reading reading = readings[next++ % VARIANTS];
      long begin = System.nanoTime();
      Reading back = caller.call(reading);
      long nanos = System.nanoTime() - begin;
      check(Objects.equals(reading, back), () -> "sent %s, got %s".formatted(reading, back));
      return nanos;
    }
  }

  private static final class Bytes extends Exchange {
    private final Contestant.Caller caller;
    private final Random random;
    private final byte[] bytes;

    Bytes(Contestant.Caller caller, Random random, int length) {
      this.caller = caller;
      this.random = random;
      this.bytes = new byte[length];
      random.nextBytes(bytes);
    }

    @Override
    long once() throws Exception {
      bytes[random.nextInt(bytes.length)]++;
      long begin = System.nanoTime();
      byte[] back = caller.bytes(bytes);
      long nanos = System.nanoTime() - begin;
      check(
          Arrays.equals(bytes, back), () -> "%,d bytes came back changed".formatted(bytes.length));
      return nanos;
    }
  }
}
