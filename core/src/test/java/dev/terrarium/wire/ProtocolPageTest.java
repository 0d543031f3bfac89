package dev.terrarium.wire;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.json.Fields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// A worker in another language is written from `docs/protocol.md` alone: it must say what the code
/// does.
final class ProtocolPageTest {
  private static final Pattern ROW =
      Pattern.compile("^\\| (\\d+) \\| `([A-Z_]+)`( †)? \\|", Pattern.MULTILINE);

  @Test
  void thePageListsEveryFrameTypeWithItsNumber() throws IOException {
    assertThat(onThePage(ROW, 2)).isEqualTo(inTheCode());
  }

  @Test
  void thePageMarksTheTypesThatNobodySendsYet() throws IOException {
    Pattern reserved = Pattern.compile(ROW.pattern().replace("( †)?", " †"), Pattern.MULTILINE);
    assertThat(onThePage(reserved, 2).values())
        .containsExactlyInAnyOrderElementsOf(
            Arrays.stream(FrameType.values())
                .filter(FrameType::reserved)
                .map(FrameType::name)
                .toList());
  }

  @Test
  void thePageNamesTheStepsOfAStart() throws IOException {
    var sentence = Pattern.compile("`step` is (`request`.+?`zygote`)").matcher(page());
    assertThat(sentence.find()).isTrue();
    assertThat(Pattern.compile("`(\\w+)`").matcher(sentence.group(1)).results())
        .extracting(word -> word.group(1))
        .containsExactly(
            Arrays.stream(Messages.SpawnStep.values())
                .map(step -> Fields.word(step, ' '))
                .toArray(String[]::new));
  }

  @Test
  void thePageNamesTheLimits() throws IOException {
    assertThat(page())
        .contains("| `ATTACHMENT_BYTES_MAX` | 2^30 ", "| `FRAME_BYTES_MAX` | 2^30 + 2^27 ")
        .contains("| `HELLO_BYTES_MAX` | 2^20 ");
    assertThat(Limits.ATTACHMENT_BYTES_MAX).isEqualTo(1 << 30);
    assertThat(Limits.FRAME_BYTES_MAX).isEqualTo((1 << 30) + (1 << 27));
    assertThat(Limits.HELLO_BYTES_MAX).isEqualTo(1 << 20);
  }

  private static Map<Integer, String> onThePage(Pattern pattern, int group) throws IOException {
    return pattern
        .matcher(page())
        .results()
        .collect(
            Collectors.toMap(
                row -> Integer.valueOf(row.group(1)),
                (MatchResult row) -> row.group(group),
                (a, b) -> a + " and " + b,
                TreeMap::new));
  }

  private static Map<Integer, String> inTheCode() {
    return Arrays.stream(FrameType.values())
        .collect(Collectors.toMap(FrameType::code, FrameType::name, (a, b) -> a + b, TreeMap::new));
  }

  // Tests run in the module's folder.
  private static String page() throws IOException {
    return Files.readString(Path.of("../docs/protocol.md"));
  }
}
