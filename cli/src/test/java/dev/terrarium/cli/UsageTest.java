package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A mistake on the command line: exit status 2, nothing on stdout, one line on stderr.
final class UsageTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                         | terrarium: a command is missing; 'terrarium --help' says more
          demmo                      | terrarium: unknown command 'demmo', did you mean 'demo'?; 'terrarium --help' says more
          kill                       | terrarium: unknown command 'kill', did you mean 'orphans kill'?; 'terrarium --help' says more
          list                       | terrarium: unknown command 'list', did you mean 'orphans list'?; 'terrarium --help' says more
          ls                         | terrarium: unknown command 'ls', did you mean 'orphans list'?; 'terrarium --help' says more
          stauts --json              | terrarium: unknown command 'stauts', did you mean 'status'?; 'terrarium --help' says more
          orphan kill                | terrarium: unknown command 'orphan', did you mean 'orphans'?; 'terrarium --help' says more
          stop                       | terrarium: unknown command 'stop'; 'terrarium --help' says more
          factor                     | terrarium: unknown command 'factor'; 'terrarium --help' says more
          demo-victi                 | terrarium: unknown command 'demo-victi'; 'terrarium --help' says more
          orphans call               | terrarium: unknown command 'call'; 'terrarium orphans --help' says more
          orphans lits               | terrarium: unknown command 'lits', did you mean 'list'?; 'terrarium orphans --help' says more
          demo --worker 3            | terrarium: unknown option '--worker', did you mean '--workers'?; 'terrarium demo --help' says more
          demo --dry-run             | terrarium: unknown option '--dry-run'; 'terrarium demo --help' says more
          status -x                  | terrarium: unknown option '-x'; 'terrarium status --help' says more
          orphans kill --dryrun      | terrarium: unknown option '--dryrun', did you mean '--dry-run'?; 'terrarium orphans kill --help' says more
          orphans --all kill         | terrarium: --all is for looking: nothing of another installation is ended here
          help --json                | terrarium: help is for people and has no JSON form; 'terrarium help --help' says more
          --json help status         | terrarium: help is for people and has no JSON form; 'terrarium help --help' says more
          --json                     | terrarium: a command is missing; 'terrarium --help' says more
          tools --jsn x.py           | terrarium: unknown option '--jsn', did you mean '--json'?; 'terrarium tools --help' says more
          version now                | terrarium: unknown argument 'now'; 'terrarium version --help' says more
          call                       | terrarium: missing required parameters: 'ADAPTER', 'TOOL'; 'terrarium call --help' says more
          run                        | terrarium: missing required parameter: 'ADAPTER'; 'terrarium run --help' says more
          run x.py --workers many    | terrarium: invalid value for option '--workers': 'many' is not an int; 'terrarium run --help' says more
          run nowhere.py             | terrarium: there is no adapter at nowhere.py
          tools nowhere.py           | terrarium: there is no adapter at nowhere.py
          call nowhere.py x          | terrarium: there is no adapter at nowhere.py
          status now                 | terrarium: unknown argument 'now'; 'terrarium status --help' says more
          orphans kil                | terrarium: unknown command 'kil', did you mean 'kill'?; 'terrarium orphans --help' says more
          orphans kill --jsn         | terrarium: unknown option '--jsn', did you mean '--json'?; 'terrarium orphans kill --help' says more
          orphans kill --grace x     | terrarium: invalid value for option '--grace': 'x' is no duration; say 300ms, 1.5s, 2m, 1h or, as ISO 8601 has it, PT5S; 'terrarium orphans kill --help' says more
          orphans kill --grace 2     | terrarium: invalid value for option '--grace': '2' is no duration; say 300ms, 1.5s, 2m, 1h or, as ISO 8601 has it, PT5S; 'terrarium orphans kill --help' says more
          call x.py t --deadline -1s | terrarium: invalid value for option '--deadline': '-1s' is no duration; say 300ms, 1.5s, 2m, 1h or, as ISO 8601 has it, PT5S; 'terrarium call --help' says more
          doctor --jsn               | terrarium: unknown option '--jsn', did you mean '--json'?; 'terrarium doctor --help' says more
          demo --workers 0           | terrarium: --workers must be 1 to 10000, not 0
          """)
  void isOneLineThatSaysWhatIsWrong(String arguments, String line) {
    Ran ran = Ran.command(arguments.isEmpty() ? new String[0] : arguments.split(" ", -1));
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.out()).isEmpty();
    assertThat(ran.talk()).containsExactly(line);
  }

  @Test
  void anAnswerThatCannotBeWrittenIsAFailure() throws Exception {
    try (var full = new FileOutputStream("/dev/full")) {
      var said = new ByteArrayOutputStream();
      int status = TerrariumCommand.execute(new Terminal(full, said, false), "version");
      assertThat(status).isEqualTo(ExitStatus.FAILED);
      assertThat(said.toString(StandardCharsets.UTF_8)).contains("could not be written");
    }
  }

  @Test
  void jsonThatSaysAThingTwiceIsRefusedInPlainWords() {
    assertThat(
            assertThrows(UsageException.class, () -> Json.read("{\"v\":1,\"v\":2}")).getMessage())
        .contains("Duplicate");
    assertThat(assertThrows(UsageException.class, () -> Json.read("{} {}")).getMessage())
        .doesNotContain("Feature");
    assertThat(assertThrows(UsageException.class, () -> Json.read("[".repeat(3_000))).getMessage())
        .doesNotContain("Constraints");
  }

  @Test
  void ofTheNumberOfWorkersIsNoticedBeforeAnythingStarts() {
    Ran ran = Ran.command("run", TestAdapters.ECHO, "--workers", "-1");
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.talk()).containsExactly("terrarium: --workers must be 1 to 10000, not -1");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {bad         | that is not JSON: Unexpected character
          [1] 2        | that is not JSON: Trailing token
          3            | arguments are a JSON object (named) or array (positional), not 3
          null         | arguments are a JSON object (named) or array (positional), not null
          [{"$bytes":"?"}] | $bytes is not base64
          [{"$float":"1"}] | $float is NaN, Infinity or -Infinity, not '1'
          """)
  void ofTheArgumentsIsNoticedBeforeAnythingStarts(String json, String said) {
    Ran ran = Ran.command("call", TestAdapters.ECHO, "echo", json);
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.out()).isEmpty();
    assertThat(ran.talk()).singleElement().asString().startsWith("terrarium: " + said);
  }

  @ParameterizedTest
  @CsvSource({
    "demo",
    "run",
    "call",
    "tools",
    "status",
    "orphans",
    "orphans list",
    "orphans kill",
    "doctor",
    "version"
  })
  void isAvoidedByReadingTheHelp(String command) {
    Ran ran = Ran.command((command + " --help").split(" ", -1));
    assertThat(ran.status()).isZero();
    assertThat(ran.out()).startsWith("Usage: terrarium " + command);
    assertThat(ran.lines()).allMatch(line -> line.length() <= Table.WIDTH);
    assertThat(ran.err()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"0s, 0s", "0.5ms, 0.5ms", "PT0S, 0s", "999999999h, 3599999996400s"})
  void ofTheDeadlineIsNoticedBeforeAnythingStarts(String given, String told) {
    Ran ran = Ran.command("call", TestAdapters.ECHO, "echo", "--deadline", given);
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.talk())
        .containsExactly("terrarium: --deadline must be 1ms to 1000000s, not " + told);
  }

  @Test
  void ofTheWholeIsHelpedToo() {
    Ran ran = Ran.command("--help");
    assertThat(ran.status()).isZero();
    assertThat(ran.out())
        .contains("demo ", "run ", "call ", "tools ", "status ", "orphans ", "doctor ", "version ")
        .doesNotContain("victim");
  }
}
