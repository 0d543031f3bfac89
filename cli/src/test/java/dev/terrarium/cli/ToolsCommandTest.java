package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ToolsCommandTest {
  @TempDir private Path directory;

  /// A folder was wrong usage, and a file without tools a failure.
  @ParameterizedTest
  @ValueSource(strings = {"no_tools.py", "folder", "/dev/null"})
  void takesWhatIsNoAdapterForWrongUsage(String given) throws IOException {
    Files.createDirectory(directory.resolve("folder"));
    Files.writeString(directory.resolve("no_tools.py"), "x = 1\n");
    Ran ran = Ran.command("tools", directory.resolve(given).toString());
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.err()).startsWith("terrarium: ").doesNotContain("\tat ");
  }

  @Test
  void showsATableToPeople() {
    Ran ran = Ran.command("tools", TestAdapters.ECHO);
    assertThat(ran.status()).isZero();
    assertThat(ran.lines().getFirst()).startsWith("TOOL").endsWith("WHAT IT DOES");
    assertThat(ran.out())
        .containsPattern("echo\\(value = None, \\*rest, key: str = *  Give the value back\\.")
        .containsPattern("describe\\(value\\) -> str *  Say what arrived, as Python writes it\\.");
    assertThat(ran.lines()).allMatch(line -> line.length() <= Table.WIDTH);
  }

  @Test
  void showsOneObjectALineToPrograms() {
    Ran ran = Ran.command("tools", TestAdapters.TEXTSTATS, "--json");
    assertThat(ran.status()).isZero();
    assertThat(ran.lines())
        .containsExactly(
            """
            {"name":"word_frequencies","doc":"Count the words of a text.","kind":"plain",\
            "idempotent":false,"parameters":[{"name":"text","kind":"positional or keyword",\
            "type":"str","required":true,"default":null}],"returns":"Frequencies"}\
            """,
            """
            {"name":"analyse","doc":"Find the phrases of up to ``depth`` words that two texts \
            share.","kind":"plain","idempotent":false,"parameters":[\
            {"name":"first","kind":"positional or keyword","type":"str","required":true,"default":null},\
            {"name":"second","kind":"positional or keyword","type":"str","required":true,"default":null},\
            {"name":"depth","kind":"positional or keyword","type":"int","required":false,"default":"2"}],\
            "returns":"Report"}\
            """);
  }
}
