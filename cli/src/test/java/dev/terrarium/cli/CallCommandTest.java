package dev.terrarium.cli;

import static dev.terrarium.cli.TestAdapters.BROKEN;
import static dev.terrarium.cli.TestAdapters.ECHO;
import static dev.terrarium.cli.TestAdapters.TEXTSTATS;
import static dev.terrarium.cli.TestAdapters.UNIMPORTABLE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CallCommandTest {
  @Test
  void printsTheResultAsOneLineOfJson() {
    Ran ran = Ran.command("call", TEXTSTATS, "word_frequencies", "{\"text\": \"a b a\"}");
    assertThat(ran).isEqualTo(new Ran(0, "{\"total\":3,\"words\":{\"a\":2,\"b\":1}}\n", ""));
  }

  @Test
  void takesPositionalArgumentsAsAnArray() {
    Ran ran = Ran.command("call", ECHO, "describe", "[{\"a\": [1, 2.5, null, true]}]");
    assertThat(ran.out()).isEqualTo("\"{'a': [1, 2.5, None, True]}\"\n");
  }

  /// A float has seventeen digits at most, and lost the others without a word.
  @ParameterizedTest
  @CsvSource({
    "12345678901234567890123.456, 12345678901234567890123.456",
    "1e400, 1E+400",
    "0.1, 0.1",
    "-0.0, -0.0",
    "2.50, 2.5"
  })
  void keepsTheDigitsOfANumber(String given, String printed) {
    assertThat(Ran.command("call", ECHO, "echo", "[[" + given + "]]").out())
        .isEqualTo("[" + printed + "]\n");
  }

  @Test
  void takesNoArgumentsWhereNoneAreGiven() {
    assertThat(Ran.command("call", ECHO, "echo").out()).isEqualTo("null\n");
  }

  @Test
  void readsArgumentsFromStdin() {
    InputStream stdin = System.in;
    System.setIn(new ByteArrayInputStream("[\"f\u00fcr\"]".getBytes(UTF_8)));
    try {
      assertThat(Ran.command("call", ECHO, "echo", "-").out()).isEqualTo("\"f\u00fcr\"\n");
    } finally {
      System.setIn(stdin);
    }
  }

  @Test
  void printsWhatJsonHasNoWordsForAsObjects() {
    String big = "1" + "0".repeat(4000);
    assertThat(Ran.command("call", ECHO, "odd").out())
        .isEqualTo(
            """
            {"numbers":[{"$float":"NaN"},{"$float":"Infinity"},{"$float":"-Infinity"},1.5],\
            "bytes":{"$bytes":"YWJj"},"big":%s,"lookalike":{"$$bytes":"x"},\
            "reference":{"$ref":1},"text":"f\u00fcr \u65e5\u672c"}
            """
                .formatted(big));
  }

  @Test
  void takesWhatItPrints() {
    String value =
        "[{\"b\":{\"$bytes\":\"YWJj\"},\"f\":{\"$float\":\"NaN\"},\"l\":{\"$$bytes\":\"x\"}}]";
    assertThat(Ran.command("call", ECHO, "describe", value).out())
        .isEqualTo("\"{'b': b'abc', 'f': nan, 'l': {'$bytes': 'x'}}\"\n");
  }

  @Test
  void showsThePythonTracebackOfAToolThatRaises() {
    Ran ran = Ran.command("call", ECHO, "fail", "[\"too hot\"]");
    assertThat(ran.status()).isEqualTo(1);
    assertThat(ran.out()).isEmpty();
    assertThat(ran.err())
        .startsWith("terrarium: Tool 'fail' raised ValueError: too hot\nTraceback")
        .contains("raise ValueError(message)")
        .doesNotContain("\tat ");
  }

  @Test
  void showsTheStacksOfACallThatTakesTooLong() {
    Ran ran = Ran.command("call", ECHO, "hang", "--deadline", "500ms");
    assertThat(ran.status()).isEqualTo(1);
    assertThat(ran.err()).contains("deadline of 500 ms", "in hang").doesNotContain("\tat ");
  }

  @Test
  void showsTheLastWordsOfAWorkerThatDies() {
    Ran ran = Ran.command("call", ECHO, "die");
    assertThat(ran.status()).isEqualTo(1);
    assertThat(ran.err())
        .contains("exited with status 3", "last words")
        .doesNotContain("\tat ", "WARN");
  }

  @Test
  void takesAnUnknownToolForWrongUsage() {
    Ran ran = Ran.command("call", ECHO, "ecko");
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.talk())
        .containsExactly("terrarium: Pool 'echo' has no tool 'ecko'; did you mean 'echo'?");
  }

  /// `kill` is not `call`: what shares half of its letters with a name is another one.
  @Test
  void suggestsNoToolThatIsNoNearMiss() {
    Ran ran = Ran.command("call", ECHO, "each");
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.talk())
        .containsExactly(
            "terrarium: Pool 'echo' has no tool 'each'; pool.tools() lists what there is");
  }

  @Test
  void answersInJsonWithOrWithoutBeingAsked() {
    Ran ran = Ran.command("call", ECHO, "echo", "[7]", "--json");
    assertThat(ran).isEqualTo(new Ran(0, "7\n", ""));
    assertThat(Ran.command("--json", "call", ECHO, "echo", "[7]")).isEqualTo(ran);
  }

  @Test
  void takesArgumentsThatDoNotFitForWrongUsage() {
    Ran ran = Ran.command("call", ECHO, "fail", "{\"massage\": \"x\"}");
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.talk()).singleElement().asString().contains("'fail'", "massage");
  }

  @Test
  void saysWhereAnAdapterIsNoPython() {
    Ran ran = Ran.command("call", BROKEN, "x");
    assertThat(ran.status()).isEqualTo(1);
    assertThat(ran.err()).contains("SyntaxError", "line 3").doesNotContain("\tat ", "WARN");
  }

  @Test
  void saysWhatAnAdapterCannotImport() {
    Ran ran = Ran.command("call", UNIMPORTABLE, "x");
    assertThat(ran.status()).isEqualTo(1);
    assertThat(ran.err()).contains("No module named 'nobody_has_this'").doesNotContain("\tat ");
  }

  @Test
  void saysThatThereIsNoSuchInterpreter() {
    Ran ran = Ran.command("call", ECHO, "echo", "--python", "no-such-python");
    assertThat(ran.status()).isEqualTo(3);
    assertThat(ran.talk())
        .singleElement()
        .asString()
        .contains("'no-such-python' cannot be run", "install Python 3.9 or newer");
  }
}
