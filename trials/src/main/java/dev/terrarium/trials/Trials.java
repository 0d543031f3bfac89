package dev.terrarium.trials;

import static java.util.Comparator.comparing;

import dev.terrarium.Start;
import dev.terrarium.trials.Lanes.Lane;
import dev.terrarium.trials.Survivors.ChaosRun;
import dev.terrarium.trials.Survivors.MatrixRun;
import dev.terrarium.trials.Survivors.OrdealRun;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

/// `trials/run`: the whole matrix, so many kills, or so many minutes of want, written to
/// `docs/survivors.md`.
public final class Trials {
  /// Hosts side by side.
  static final int LANES = Math.clamp(Runtime.getRuntime().availableProcessors(), 2, 8);

  private static final String USAGE =
      """
      usage: trials/run matrix [--pairs] [--lanes N] [--out FOLDER]
             trials/run chaos [--kills N] [--seed S] [--lanes N] [--out FOLDER]
             trials/run exhaustion [--minutes N] [--seed S] [--lanes N] [--out FOLDER]

      matrix      every ending with every state and every child, and by exec all pairs; with --pairs only pairs
      chaos       kills hosts at random moments, 1 to 100000 of them (1000); the same seed gives the same schedule
      exhaustion  lets heap, threads, descriptors, disk and the log backend run out in hosts that go on, while workers,
                  zygote and warden are killed; 1 to 1440 hosts (60), each about a minute; the same seed, the same schedule

      --lanes  how many hosts side by side, 1 to 64 (as many as processors, 2 to 8)
      --out    where survivors.md and survivors.json go (docs); the other parts of them stay as they are
      Exit status: 0 nobody was left, 1 somebody was left or hurt, or something could not be held, 2 wrong usage.\
      """;

  private Trials() {}

  public static void main(String[] arguments) throws IOException {
    System.exit(run(arguments));
  }

  /// Does what a command line says.
  ///
  /// @return the exit status
  static int run(String... arguments) throws IOException {
    if (List.of(arguments).contains("--help") || List.of(arguments).contains("-h")) {
      System.out.println(USAGE);
      return 0;
    }
    try {
      Options options = Options.parse(arguments);
      Survivors.requireWritable(options.out()); // hours before it is written
      return switch (options.what()) {
        case MATRIX -> matrix(options);
        case CHAOS -> chaos(options);
        case EXHAUSTION -> exhaustion(options);
      };
    } catch (IllegalArgumentException e) {
      System.err.println("trials: " + e.getMessage() + "\n" + USAGE);
      return 2;
    }
  }

  /// What the command line says.
  record Options(What what, boolean pairs, int kills, int minutes, long seed, int lanes, Path out) {
    private static final int KILLS_MAX = 100_000;
    private static final int LANES_MAX = 64;
    private static final int MINUTES_MAX = 1_440;

    /// What is tried, and the options that it does not share with all others.
    enum What {
      MATRIX,
      CHAOS,
      EXHAUSTION;

      private List<String> own() {
        return switch (this) {
          case MATRIX -> List.of("--pairs");
          case CHAOS -> List.of("--kills", "--seed");
          case EXHAUSTION -> List.of("--minutes", "--seed");
        };
      }

      private String word() {
        return name().toLowerCase(Locale.ROOT);
      }

      private boolean refuses(String option) {
        return !own().contains(option)
            && Stream.of(values()).anyMatch(other -> other.own().contains(option));
      }
    }

    boolean matrix() {
      return what == What.MATRIX;
    }

    /// Reads a command line.
    ///
    /// @throws IllegalArgumentException saying what is wrong
    static Options parse(String... arguments) {
      What what =
          Stream.of(What.values())
              .filter(it -> arguments.length > 0 && it.word().equals(arguments[0]))
              .findFirst()
              .orElseThrow(() -> new IllegalArgumentException("what is to be tried?"));
      boolean pairs = false;
      int kills = 1_000;
      int minutes = 60;
      long seed = new SecureRandom().nextInt(1_000_000_000);
      int lanes = LANES;
      Path out = Places.docs();
      for (int i = 1; i < arguments.length; i++) {
        String option = arguments[i];
        if (what.refuses(option)) {
          throw new IllegalArgumentException(option + " is nothing for " + arguments[0]);
        }
        switch (option) {
          case "--pairs" -> pairs = true;
          case "--kills" -> kills = (int) number(arguments, ++i, 1, KILLS_MAX);
          case "--minutes" -> minutes = (int) number(arguments, ++i, 1, MINUTES_MAX);
          case "--seed" -> seed = number(arguments, ++i, Long.MIN_VALUE, Long.MAX_VALUE);
          case "--lanes" -> lanes = (int) number(arguments, ++i, 1, LANES_MAX);
          case "--out" -> out = Path.of(value(arguments, ++i));
          default -> throw new IllegalArgumentException("unknown: " + option);
        }
      }
      return new Options(what, pairs, kills, minutes, seed, lanes, out);
    }

    /// What begins with two dashes is the next option; with one, a number below zero.
    private static String value(String[] arguments, int index) {
      if (index == arguments.length || arguments[index].startsWith("--")) {
        throw new IllegalArgumentException(arguments[index - 1] + " needs a value");
      }
      return arguments[index];
    }

    private static long number(String[] arguments, int index, long min, long max) {
      String value = value(arguments, index);
      try {
        long number = Long.parseLong(value);
        if (number >= min && number <= max) {
          return number;
        }
      } catch (NumberFormatException e) {
        // which is told like one out of bounds
      }
      throw new IllegalArgumentException(
          "%s must be a number from %d to %d, not %s"
              .formatted(arguments[index - 1], min, max, value));
    }

    /// What gives the same again.
    String command() {
      return switch (what) {
        case MATRIX -> "trials/run matrix" + (pairs ? " --pairs" : "");
        case CHAOS -> "trials/run chaos --kills %d --seed %d".formatted(kills, seed);
        case EXHAUSTION -> "trials/run exhaustion --minutes %d --seed %d".formatted(minutes, seed);
      };
    }
  }

  private static int matrix(Options options) throws IOException {
    List<Trial> trials = new ArrayList<>();
    trials.addAll(options.pairs() ? Trial.pairs(Start.ZYGOTE) : Trial.full());
    trials.addAll(Trial.pairs(Start.EXEC));
    Facts facts = Facts.now(options.command(), options.lanes());
    long begin = System.nanoTime();
    List<MatrixResult> results = matrix(trials, options.lanes(), Trials::say);
    var run = new MatrixRun(facts.took(secondsSince(begin)), results);
    Survivors.in(options.out()).with(run).write(options.out());
    return results.stream().allMatch(MatrixResult::clean) ? 0 : 1;
  }

  private static int chaos(Options options) throws IOException {
    System.out.println("seed " + options.seed());
    Facts facts = Facts.now(options.command(), options.lanes());
    long begin = System.nanoTime();
    List<ChaosResult> results =
        chaos(Strike.schedule(options.seed(), options.kills()), options.lanes(), Trials::say);
    var run = new ChaosRun(facts.took(secondsSince(begin)), options.seed(), results);
    Survivors.in(options.out()).with(run).write(options.out());
    return results.stream().allMatch(ChaosResult::clean) ? 0 : 1;
  }

  private static int exhaustion(Options options) throws IOException {
    System.out.println("seed " + options.seed());
    Facts facts = Facts.now(options.command(), options.lanes());
    long begin = System.nanoTime();
    List<OrdealResult> results =
        exhaustion(
            Ordeal.schedule(options.seed(), options.minutes()), options.lanes(), Trials::say);
    var run = new OrdealRun(facts.took(secondsSince(begin)), options.seed(), results);
    Survivors.in(options.out()).with(run).write(options.out());
    return results.stream().allMatch(OrdealResult::clean) ? 0 : 1;
  }

  private static long secondsSince(long begin) {
    return Duration.ofNanos(System.nanoTime() - begin).toSeconds();
  }

  private static void say(Object result) {
    System.out.println(result);
  }

  /// Holds trials, several side by side. Those that wait for deadlines first.
  static List<MatrixResult> matrix(List<Trial> trials, int lanes, Consumer<MatrixResult> progress) {
    List<Trial> ordered =
        trials.stream().sorted(comparing(trial -> trial.ending() != Ending.WORKER)).toList();
    Supplier<Lane<Trial, MatrixResult>> open = () -> MatrixTrial::run;
    return Lanes.run(ordered, lanes, open, progress);
  }

  /// Strikes, several side by side, each lane in a neighbourhood of its own: who cleans up at the
  /// next start of one cleans up nothing of another.
  static List<ChaosResult> chaos(List<Strike> strikes, int lanes, Consumer<ChaosResult> progress) {
    return Lanes.run(strikes, lanes, ChaosLane::new, progress);
  }

  /// Leads hosts through their ordeals, several side by side.
  static List<OrdealResult> exhaustion(
      List<Ordeal> ordeals, int lanes, Consumer<OrdealResult> progress) {
    Supplier<Lane<Ordeal, OrdealResult>> open = () -> OrdealTrial::run;
    return Lanes.run(ordeals, lanes, open, progress);
  }

  private static final class ChaosLane implements Lane<Strike, ChaosResult> {
    private final Neighbourhood neighbourhood = new Neighbourhood();

    @Override
    public ChaosResult run(Strike strike) {
      return ChaosStrike.run(strike, neighbourhood);
    }

    @Override
    public void close() {
      neighbourhood.close();
    }
  }
}
