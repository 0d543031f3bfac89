package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// `docs/mission.md` says what is promised and which test proves it: it must leave out no promise
/// and name no test that is not there. Nor must the page that says how to check it.
final class MissionPageTest {
  private static final Map<String, Integer> PROMISES =
      Map.of("S0", 36, "S1", 15, "S2", 39, "S3", 27, "S4", 37);
  private static final Map<String, Integer> BREAKAGES = Map.of("CL", 114, "GAP", 34, "DEF", 23);

  private static final Pattern ROW =
      Pattern.compile("^\\| ((?:S\\d|CL|GAP|DEF)-\\d+) \\|.*\\|([^|]*)\\|$", Pattern.MULTILINE);
  private static final Pattern BREAKAGE = Pattern.compile("\\b(?:CL|GAP|DEF)-\\d+\\b");
  private static final Pattern ANSWER =
      Pattern.compile(
          "`.*|no test yet.*|not yet \\(.*|measured in \\[benchmarks.md]\\(benchmarks.md\\)|-");
  private static final Pattern QUOTED = Pattern.compile("`([^`]*)`");
  private static final Pattern TEST =
      Pattern.compile("\\b(test_\\w+(?!\\w*\\.py)|\\w+Test(\\.\\w+)?)\\b");
  private static final Pattern JAVA_METHOD = Pattern.compile("\\bvoid (\\w+)\\(");
  private static final Pattern PYTHON_TEST =
      Pattern.compile("^def (test_\\w+)\\(", Pattern.MULTILINE);

  @Test
  void everyPromiseStandsOnceInATable() throws IOException {
    assertThat(rows().map(row -> row.group(1)).filter(id -> id.startsWith("S")))
        .containsExactlyInAnyOrderElementsOf(ids(PROMISES));
  }

  @Test
  void everythingThatBrokeBeforeIsNamedOnce() throws IOException {
    assertThat(BREAKAGE.matcher(page()).results().map(MatchResult::group))
        .containsExactlyInAnyOrderElementsOf(ids(BREAKAGES));
  }

  @Test
  void everyRowNamesATestOrSaysWhyThereIsNone() throws IOException {
    assertThat(rows())
        .allSatisfy(row -> assertThat(row.group(2).strip()).as(row.group(1)).matches(ANSWER));
  }

  @Test
  void everyTestThatIsNamedExists() throws IOException {
    Set<String> tests = tests();
    assertThat(rows().flatMap(row -> QUOTED.matcher(row.group(2)).results()))
        .isNotEmpty()
        .extracting(name -> name.group(1))
        .filteredOn(name -> !tests.contains(name))
        .isEmpty();
  }

  @Test
  void soDoesEveryTestThatThePageOnVerificationNames() throws IOException {
    Set<String> tests = tests();
    String page = Files.readString(Path.of("../docs/verification.md"));
    assertThat(TEST.matcher(page).results())
        .hasSizeGreaterThan(20)
        .extracting(MatchResult::group)
        .filteredOn(name -> !tests.contains(name))
        .isEmpty();
  }

  private static List<String> ids(Map<String, Integer> counts) {
    return counts.entrySet().stream()
        .flatMap(
            count ->
                IntStream.rangeClosed(1, count.getValue())
                    .mapToObj(number -> "%s-%02d".formatted(count.getKey(), number)))
        .toList();
  }

  private static Stream<MatchResult> rows() throws IOException {
    return ROW.matcher(page()).results();
  }

  // Tests run in the module's folder.
  private static String page() throws IOException {
    return Files.readString(Path.of("../docs/mission.md"));
  }

  /// Every `Class`, `Class.method` and `test_function` of the project's tests.
  private static Set<String> tests() throws IOException {
    Set<String> names = new HashSet<>();
    for (Path file : javaFiles()) {
      String type = file.toFile().getName().replace(".java", "");
      names.add(type);
      JAVA_METHOD
          .matcher(Files.readString(file))
          .results()
          .forEach(method -> names.add(type + "." + method.group(1)));
    }
    for (Path file : list(Path.of("../python/tests"), "test_*.py")) {
      PYTHON_TEST
          .matcher(Files.readString(file))
          .results()
          .forEach(function -> names.add(function.group(1)));
    }
    return names;
  }

  private static List<Path> javaFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path module : list(Path.of(".."), "*")) {
      Path tests = module.resolve("src/test");
      if (Files.isDirectory(tests)) {
        try (Stream<Path> below = Files.walk(tests)) {
          below.filter(file -> file.toString().endsWith("Test.java")).forEach(files::add);
        }
      }
    }
    return files;
  }

  private static List<Path> list(Path folder, String glob) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (var found = Files.newDirectoryStream(folder, glob)) {
      found.forEach(entries::add);
    }
    return entries;
  }
}
