package dev.terrarium.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class PlainJsonTest {
  private record Point(int x) {}

  @Test
  void whatIsJsonAlreadyIsPlain() {
    var all = new ArrayList<Object>(List.of("text", 1, 2L, 3.5, true, List.of(), Map.of()));
    all.add(null);
    assertThat(PlainJson.isPlain(Map.of("all", all))).isTrue();
    assertThat(PlainJson.isPlain(new TreeMap<>(Map.of("a", Collections.nCopies(3, 1))))).isTrue();
  }

  @Test
  void whatSomebodyElseMayHaveAnOpinionAboutIsNot() {
    List<Object> ownList = new ArrayList<>() {};
    for (Object value :
        List.of(
            'c',
            1.5f,
            (short) 1,
            new byte[1],
            new Point(1),
            Optional.of(1),
            ownList,
            Thread.State.NEW)) {
      assertThat(PlainJson.isPlain(value)).as("%s", value).isFalse();
      assertThat(PlainJson.isPlain(List.of(Map.of("a", value)))).as("[{a: %s}]", value).isFalse();
    }
    assertThat(PlainJson.isPlain(Map.of(1, "a"))).isFalse();
    assertThat(PlainJson.isPlain(Collections.singletonMap(null, "a"))).isFalse();
  }

  @Test
  void aCycleIsNotPlain() {
    List<Object> cycle = new ArrayList<>();
    cycle.add(cycle);
    assertThat(PlainJson.isPlain(cycle)).isFalse();
  }

  @Test
  void whatIsHeldManyTimesIsNotLookedAtForEver() {
    Object shared = List.of(1);
    for (int i = 0; i < 45; i++) {
      shared = i % 2 == 0 ? List.of(shared, shared) : Map.of("a", shared, "b", shared);
    }
    Object tooMuch = shared;
    assertTimeoutPreemptively(
        Duration.ofSeconds(30), () -> assertThat(PlainJson.isPlain(tooMuch)).isFalse());
  }

  @Test
  void asManyValuesAsTheLimitArePlain() {
    int elements = PlainJson.VALUES_MAX - 1; // and the list itself
    assertThat(PlainJson.isPlain(Collections.nCopies(elements, 1))).isTrue();
    assertThat(PlainJson.isPlain(Collections.nCopies(elements + 1, 1))).isFalse();
  }

  @Test
  void anObjectKeepsItsOrderAndLeavesOutWhatIsNull() {
    assertThat(PlainJson.text(PlainJson.object("b", 1, "c", null, "a", List.of("x", false))))
        .isEqualTo("{\"b\":1,\"a\":[\"x\",false]}");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "5", "null", "{", "{} {}", "{} x"})
  void whatIsNotOneObjectIsRefused(String text) {
    assertThatThrownBy(() -> PlainJson.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aFieldThatIsMissingOrOfAnotherTypeIsNamedByItsPath() {
    Fields fields = PlainJson.parse("{\"a\":[{\"n\":1},{\"n\":\"x\"}],\"big\":4294967296}");

    assertThatThrownBy(() -> fields.objects("a").get(1).integer("n"))
        .hasMessage("a[1].n: not of the type Long");
    assertThatThrownBy(() -> fields.objects("a").get(1).text("m")).hasMessage("a[1].m is missing");
    assertThatThrownBy(() -> fields.small("big")).hasMessage("big: not of the type Integer");
    assertThat(fields.integer("big")).isEqualTo(1L << 32);
    assertThatThrownBy(() -> fields.texts("a")).hasMessage("a[0]: not of the type String");
    assertThat(fields.texts("none")).isEmpty();
    assertThat(fields.objectOrNull("none")).isNull();
  }

  private enum Kind {
    POSITIONAL_REST
  }

  @Test
  void wordsAreReadAsTheyAreWritten() {
    Fields fields = PlainJson.parse("{\"kind\":\"positional rest\",\"odd\":\"POSITIONAL_REST\"}");

    assertThat(Fields.word(Kind.POSITIONAL_REST, '-')).isEqualTo("positional-rest");
    assertThat(fields.word("kind", Kind.class, ' ')).isEqualTo(Kind.POSITIONAL_REST);
    assertThat(fields.constant("odd", Kind.class)).isEqualTo(Kind.POSITIONAL_REST);
    assertThatThrownBy(() -> fields.word("odd", Kind.class, ' '))
        .hasMessage("odd: unknown: \"POSITIONAL_REST\"");
  }
}
