package dev.terrarium;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The library's jar as a module, below a program that is one.
final class ModulesIT {
  private static final String MODULE =
      """
      module flowers {
        requires dev.terrarium;
        opens flowers to dev.terrarium;
      }
      """;
  // Its records are private, and only we may read them.
  private static final String PROGRAM =
      """
      package flowers;

      import dev.terrarium.*;
      import java.nio.file.Path;
      import java.util.*;
      import tools.jackson.databind.json.JsonMapper;

      public final class Main {
        private record Petal(String colour, List<Size> sizes) {}
        private record Size(int millimetres) {}

        public static void main(String[] arguments) {
          Config config = Config.defaults().withHome(Path.of(arguments[0]));
          try (Terrarium runtime = Terrarium.start(config)) {
            PoolBuilder builder = Pool.builder().runtime(runtime).adapter(Main.class, "iris.py").size(1);
            Petal petal = new Petal("blue", List.of(new Size(7)));
            try (Pool pool = builder.start()) {
              System.out.println(pool.call("grown", Map.of("petal", petal), Petal.class));
            }
            try (Pool pool = builder.name("own").mapper(JsonMapper.builder().build()).start()) {
              System.out.println("own " + pool.call("grown", Map.of("petal", petal), Petal.class));
            }
          } catch (StartFailedException e) {
            System.out.println(e.reason() + ": " + e.getMessage());
          }
        }
      }
      """;
  private static final String ADAPTER =
      """
      from terrarium import tool

      @tool
      def grown(petal):
          return {**petal, "sizes": [{"millimetres": 2 * s["millimetres"]} for s in petal["sizes"]]}
      """;

  @TempDir static Path directory;
  private static String modulePath = "";
  private static Path program = Path.of("");

  @BeforeAll
  static void compile() throws IOException {
    Path sources = Files.createDirectories(directory.resolve("src/flowers"));
    Trouble.write(sources.resolve("Main.java"), PROGRAM);
    Trouble.write(sources.resolveSibling("module-info.java"), MODULE);
    modulePath = Stream.concat(Stream.of(jar()), libraries()).collect(Collectors.joining(":"));
    program = directory.resolve("program");
    run(
        "javac",
        "-Xlint:all",
        "-Werror",
        "-d",
        program.toString(),
        "--module-path",
        modulePath,
        sources.resolveSibling("module-info.java").toString(),
        sources.resolve("Main.java").toString());
    Trouble.write(program.resolve("flowers/iris.py"), ADAPTER);
  }

  private static String jar() throws IOException {
    try (Stream<Path> built = Files.list(Path.of("target"))) {
      return built
          .map(Path::toString)
          .filter(it -> it.matches(".*/terrarium-core-[^/]*(?<!sources|javadoc)\\.jar"))
          .collect(Collectors.joining());
    }
  }

  private static Stream<String> libraries() {
    return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .filter(it -> it.matches(".*/(slf4j-api|jackson-(core|databind|annotations))-[^/]*\\.jar"));
  }

  private static void run(String tool, String... arguments) {
    var said = new StringWriter();
    var out = new PrintWriter(said);
    int status = ToolProvider.findFirst(tool).orElseThrow().run(out, out, arguments);
    assertThat(status).as("%s: %s", tool, said).isZero();
  }

  private static List<String> said(Path java, String... options) throws Exception {
    var command = new ArrayList<>(List.of(java.toString()));
    command.addAll(List.of(options));
    command.add(directory.resolve("home").toString());
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String all = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(all).isZero();
    return all.lines().toList();
  }

  private static Path ownJava() {
    return Path.of(System.getProperty("java.home"), "bin", "java");
  }

  private static List<String> asModules(String... options) throws Exception {
    var all = new ArrayList<>(List.of(options));
    all.addAll(
        List.of("--module-path", modulePath + ":" + program, "--module", "flowers/flowers.Main"));
    return said(ownJava(), all.toArray(String[]::new));
  }

  private static List<String> fromTheClassPath(String... options) throws Exception {
    var all = new ArrayList<>(List.of(options));
    all.addAll(List.of("--class-path", modulePath + ":" + program, "flowers.Main"));
    return said(ownJava(), all.toArray(String[]::new));
  }

  private static final String GROWN = "Petal[colour=blue, sizes=[Size[millimetres=14]]]";

  /// Its package is open to us, and to nobody that it has never heard of.
  @Test
  void aProgramThatIsAModuleOpensItsRecordsToUsAlone() throws Exception {
    assertThat(asModules("--enable-native-access=dev.terrarium")).contains(GROWN, "own " + GROWN);
  }

  /// Neither Error Prone's annotations nor JSpecify's are there. It warned of each `@GuardedBy`.
  @Test
  void aCompilerMissesNoneOfOurAnnotations() {
    run(
        "javac",
        "-Xlint:all",
        "-Werror",
        "-d",
        directory.resolve("classes").toString(),
        "--class-path",
        modulePath,
        directory.resolve("src/flowers/Main.java").toString());
  }

  @Test
  void jlinkMakesAnImageOfIt() throws Exception {
    Path image = directory.resolve("image");
    run(
        "jlink",
        "--module-path",
        modulePath + ":" + program,
        "--add-modules",
        "flowers",
        "--output",
        image.toString());
    assertThat(
            said(
                image.resolve("bin/java"),
                "--enable-native-access=dev.terrarium",
                "--module",
                "flowers/flowers.Main"))
        .contains(GROWN);
  }

  /// It said "the warden did not come up".
  @Test
  void aRuntimeWithoutJdkNetIsToldSo() throws Exception {
    assertThat(
            fromTheClassPath("--enable-native-access=ALL-UNNAMED", "--limit-modules", "java.base"))
        .anyMatch(it -> it.startsWith("PLATFORM: This Java runtime lacks the module jdk.net"));
  }

  /// It was an ExceptionInInitializerError.
  @Test
  void aJvmThatRefusesNativeCallsIsToldTheFlag() throws Exception {
    assertThat(fromTheClassPath("--illegal-native-access=deny"))
        .anyMatch(
            it -> it.startsWith("PLATFORM: ") && it.endsWith("--enable-native-access=ALL-UNNAMED"));
    assertThat(asModules("--illegal-native-access=deny"))
        .anyMatch(
            it ->
                it.startsWith("PLATFORM: ") && it.endsWith("--enable-native-access=dev.terrarium"));
  }
}
