package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Jvm;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Programs whose build manages a library of Jackson alone, or leaves one out. With the annotations
/// of Spring Boot 3 everything started, plain calls worked, and the first one with a record died of
/// a `NoClassDefFoundError`.
@Timeout(90)
final class OtherJacksonTest {
  /// Where the build puts them.
  private static final Path OTHERS = Path.of("target", "other-jackson");

  private static final String ADAPTER =
      """
      from terrarium import tool

      @tool
      def echo(value):
          return value
      """;

  @TempDir private Path directory;

  record Point(int x, double y) {}

  /// Makes two calls, or says why not.
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) {
      Config config = Config.defaults().withHome(Path.of(arguments[0]));
      try (Terrarium runtime = Terrarium.start(config);
          Pool pool =
              Pool.builder().runtime(runtime).adapter(Path.of(arguments[1])).size(1).start()) {
        pool.call("echo", Map.of("value", 1), Integer.class);
        Point point = pool.call("echo", Map.of("value", new Point(1, 0.5)), Point.class);
        System.out.println("answer " + point);
      } catch (StartFailedException e) {
        System.out.println("answer " + e.reason() + " " + e.getMessage());
      }
    }
  }

  private String answer(String classPath) {
    Path adapter = Trouble.write(directory.resolve("adapter.py"), ADAPTER);
    String home = directory.resolve("home").toString();
    List<String> nothing = List.of();
    try (Jvm jvm =
        Jvm.behind(nothing, nothing, classPath, Main.class, Map.of(), home, adapter.toString())) {
      String answer = jvm.awaitLine("answer ");
      assertThat(jvm.awaitExit()).isZero();
      return answer;
    }
  }

  /// This JVM's, without some libraries, and with others in their place.
  private static String classPath(List<String> without, String... others) {
    List<String> entries = new ArrayList<>();
    for (String other : others) {
      assertThat(OTHERS.resolve(other)).exists();
      entries.add(OTHERS.resolve(other).toAbsolutePath().toString());
    }
    Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .filter(entry -> without.stream().noneMatch(name -> entry.contains("/" + name + "-")))
        .forEach(entries::add);
    return String.join(File.pathSeparator, entries);
  }

  @Test
  void theAnnotationsOfSpringBoot3AreNamedWithTheRemedy() {
    assertThat(answer(classPath(List.of("jackson-annotations"), "jackson-annotations-2.19.2.jar")))
        .startsWith("LIBRARIES jackson-databind 3.")
        .contains("needs jackson-annotations 2.22 or newer, and there is 2.19.2 (")
        .contains("/other-jackson/jackson-annotations-2.19.2.jar")
        .contains("com.fasterxml.jackson.core:jackson-annotations:2.22 in <dependencyManagement>")
        .contains("dependency(\"com.fasterxml.jackson.core:jackson-annotations:2.22\")");
    assertThat(directory.resolve("home")).doesNotExist();
  }

  @Test
  void aCoreThatIsOlderThanTheDataBindingIsNamed() {
    assertThat(answer(classPath(List.of("jackson-core"), "jackson-core-3.0.2.jar")))
        .startsWith("LIBRARIES jackson-databind 3.")
        .contains("or newer, and there is 3.0.2 (")
        .contains("tools.jackson.core:jackson-core:3.");
  }

  @ParameterizedTest
  @ValueSource(strings = {"jackson-core", "jackson-databind", "jackson-annotations"})
  void aLibraryThatWasLeftOutIsNamed(String library) {
    assertThat(answer(classPath(List.of(library))))
        .startsWith("LIBRARIES There is no ")
        .contains(library + ":");
    assertThat(directory.resolve("home")).doesNotExist();
  }

  /// A BOM that manages all of them does no harm.
  @Test
  void theJacksonOfSpringBoot4WillDo() {
    assertThat(
            answer(
                classPath(
                    List.of("jackson-core", "jackson-databind", "jackson-annotations"),
                    "jackson-core-3.0.2.jar",
                    "jackson-databind-3.0.2.jar",
                    "jackson-annotations-2.20.jar")))
        .isEqualTo("Point[x=1, y=0.5]");
  }

  /// Which also a class of all libraries in one jar tells.
  @Test
  void newerAnnotationsThanWantedWillDo() {
    assertThat(
            answer(
                classPath(
                    List.of("jackson-core", "jackson-databind"),
                    "jackson-core-3.0.2.jar",
                    "jackson-databind-3.0.2.jar")))
        .isEqualTo("Point[x=1, y=0.5]");
  }
}
