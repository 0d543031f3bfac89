package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class ToolsCommandTest {
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
