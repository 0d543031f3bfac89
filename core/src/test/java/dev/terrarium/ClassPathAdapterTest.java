package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.StartFailedException.Reason;
import java.io.File;
import java.io.IOException;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.loader.launch.JarLauncher;

/// Adapters on the class path: in a folder, in a jar, in a jar within a jar.
final class ClassPathAdapterTest {
  private static final String IRIS =
      """
      from terrarium import tool
      import helper
      @tool
      def where(): return [__name__, helper.word()]
      """;
  private static final String RELATIVE =
      """
      from terrarium import tool
      from . import data
      from .inner import deep
      @tool
      def where(): return [__name__, data.text() + deep.word()]
      """;
  private static final String HELPER = "def word(): return 'helped'";
  private static final String ALTERED = "def word(): return 'harmed'";
  private static final String LATE =
      """
      from terrarium import tool
      @tool
      def where():
          import helper
          return helper.word()
      """;

  @TempDir private Path directory;
  private final List<URLClassLoader> loaders = new ArrayList<>();

  @AfterEach
  void closeLoaders() throws IOException {
    for (URLClassLoader loader : loaders) {
      loader.close();
    }
  }

  /// A class of the user's. Only its place matters.
  static final class Owner {}

  private Class<?> ownerIn(Path jar) {
    try {
      var loader = new URLClassLoader(new java.net.URL[] {jar.toUri().toURL()}, null);
      loaders.add(loader);
      return Class.forName(Owner.class.getName(), false, loader);
    } catch (IOException | ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Jars jar() throws IOException {
    return new Jars()
        .with(Owner.class)
        .with("python/iris.py", IRIS)
        .with("python/helper.py", HELPER)
        .with("late/late.py", LATE)
        .with("late/helper.py", HELPER)
        .with("python/Beside.class", "no business of Python's")
        .with("dev/terrarium/flowers/__init__.py", "")
        .with("dev/terrarium/flowers/adapter.py", RELATIVE)
        .with(
            "dev/terrarium/flowers/data.py",
            "import pkgutil\n"
                + "def text(): return pkgutil.get_data(__package__, 'a.txt').decode()")
        .with("dev/terrarium/flowers/a.txt", "read ")
        .with("dev/terrarium/flowers/inner/__init__.py", "")
        .with("dev/terrarium/flowers/inner/deep.py", "def word(): return 'deep'")
        .with("alone.py", "from terrarium import tool\n@tool\ndef where(): return __name__");
  }

  private Terrarium runtime() {
    return Endings.runtime(directory.resolve("home"));
  }

  private Path unpacked(Class<?> owner, String name) {
    try (Terrarium runtime = runtime()) {
      return Pool.builder().runtime(runtime).adapter(owner, name).build().adapter();
    }
  }

  private static Path folderOf(Path adapter) {
    return java.util.Objects.requireNonNull(adapter.getParent());
  }

  /// Python's byte code aside.
  private static List<String> namesBeside(Path adapter) {
    return Endings.names(folderOf(adapter)).stream()
        .filter(name -> !name.equals("__pycache__"))
        .toList();
  }

  private static Object where(Terrarium runtime, Class<?> owner, String name) {
    try (Pool pool = Pool.builder().runtime(runtime).adapter(owner, name).size(1).start()) {
      return requireNonNull(pool.call("where", Map.of(), Object.class));
    }
  }

  @Test
  void inAJarRunWithWhatLiesBesideThem() throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    try (Terrarium runtime = runtime()) {
      assertThat(where(runtime, owner, "python/iris.py")).isEqualTo(List.of("iris", "helped"));
      assertThat(where(runtime, owner, "/python/iris.py")).isEqualTo(List.of("iris", "helped"));
      assertThat(where(runtime, owner, "flowers/adapter.py"))
          .isEqualTo(List.of("flowers.adapter", "read deep"));
      assertThat(where(runtime, owner, "alone.py")).isEqualTo("alone");
    }
  }

  @Test
  void inAFolderOfClassesRunAsWell() {
    try (Terrarium runtime = runtime();
        Pool pool =
            Pool.builder()
                .runtime(runtime)
                .adapter(Owner.class, "/adapters/trouble.py")
                .size(1)
                .start()) {
      assertThat(pool.name()).isEqualTo("trouble");
      assertThat(pool.tools()).isNotEmpty();
    }
  }

  @Test
  void aPackageIsNamedByItsFolder() throws IOException {
    Jars jar = jar().with("dev/terrarium/flowers/__init__.py", "from .adapter import where");
    Path adapter = unpacked(ownerIn(jar.write(directory.resolve("app.jar"))), "flowers");
    assertThat(adapter).isDirectory().hasFileName("flowers");
    assertThat(adapter.resolve("inner/deep.py")).hasContent("def word(): return 'deep'");
  }

  @Test
  void areUnpackedOncePerContentForTheUserAlone() throws IOException {
    Path adapter = unpacked(ownerIn(jar().write(directory.resolve("one.jar"))), "python/iris.py");
    Path same = unpacked(ownerIn(jar().write(directory.resolve("two.jar"))), "python/iris.py");
    Jars changed = jar().with("python/helper.py", HELPER + " ");
    Path other = unpacked(ownerIn(changed.write(directory.resolve("three.jar"))), "python/iris.py");
    assertThat(adapter).isEqualTo(same).isNotEqualTo(other);
    Path adapters = directory.resolve("home/adapters");
    assertThat(adapters).isDirectoryContaining(it -> it.equals(folderOf(adapter)));
    for (Path each : List.of(adapters, folderOf(adapter))) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(each)))
          .isEqualTo("rwx------");
    }
    assertThat(namesBeside(adapter)).containsExactlyInAnyOrder("iris.py", "helper.py");
  }

  /// Cleaners of temporary files take single ones.
  @Test
  void areCompletedWhereSomebodyCleanedUp() throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    Path adapter = unpacked(owner, "python/iris.py");
    Files.delete(adapter.resolveSibling("helper.py"));
    Files.writeString(adapter, "");
    assertThat(unpacked(owner, "python/iris.py")).isEqualTo(adapter).hasContent(IRIS);
    assertThat(adapter.resolveSibling("helper.py")).hasContent(HELPER);
  }

  @Test
  void areWrittenAgainWhereSomebodyAlteredThemAtEqualSize() throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    Path helper = unpacked(owner, "python/iris.py").resolveSibling("helper.py");
    FileTime time = Files.getLastModifiedTime(helper);
    Files.writeString(helper, ALTERED);
    Files.setLastModifiedTime(helper, time);
    assertThat(unpacked(owner, "python/iris.py").resolveSibling("helper.py")).hasContent(HELPER);
  }

  private static void removeAll(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }

  private static void replaceTheWorker(Pool pool) {
    long before = Endings.pids(pool).getFirst();
    Trouble.kill(before);
    Endings.soon().until(() -> pool.stats().idle() == 1 && !Endings.pids(pool).contains(before));
  }

  private static PoolBuilder late(Terrarium runtime, Class<?> owner) {
    return Pool.builder().runtime(runtime).adapter(owner, "/late/late.py").size(1);
  }

  /// Workers that came later could not import what lay beside the adapter, until the next start.
  @ParameterizedTest
  @EnumSource(Start.class)
  void areThereForTheNextWorkerThoughSomebodyRemovedThem(Start start) throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    try (LogLines log = LogLines.of(RuntimeFiles.class.getName());
        Terrarium runtime = runtime();
        Pool pool = late(runtime, owner).start(start).start()) {
      Path folder = folderOf(pool.config().adapter());
      removeAll(folder);
      replaceTheWorker(pool);
      assertThat(pool.call("where", Map.of(), String.class)).isEqualTo("helped");
      Endings.soon().until(() -> log.containing("unpacked again: 2 of 2 files").size() == 1);
      assertThat(log.containing("unpacked again"))
          .singleElement()
          .asString()
          .contains("WARN", folder.toString(), "helper.py");
    }
  }

  @ParameterizedTest
  @EnumSource(Start.class)
  void areWholeForTheNextWorkerThoughSomebodyAlteredThemAtEqualSize(Start start)
      throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    try (Terrarium runtime = runtime();
        Pool pool = late(runtime, owner).start(start).start()) {
      Files.writeString(pool.config().adapter().resolveSibling("helper.py"), ALTERED);
      replaceTheWorker(pool);
      assertThat(pool.call("where", Map.of(), String.class)).isEqualTo("helped");
    }
  }

  @Test
  void areComparedFromTimeToTimeByWhatTheyHold() throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    Config often = Config.defaults().withAuditInterval(Duration.ofMillis(50));
    try (Terrarium runtime = Terrarium.start(often.withHome(directory.resolve("home")));
        Pool pool = late(runtime, owner).start()) {
      Path helper = pool.config().adapter().resolveSibling("helper.py");
      FileTime time = Files.getLastModifiedTime(helper);
      Path altered = Files.writeString(directory.resolve("altered.py"), ALTERED);
      Files.setLastModifiedTime(altered, time);
      Files.move(altered, helper, StandardCopyOption.ATOMIC_MOVE);
      Endings.soon().until(() -> Files.readString(helper).equals(HELPER));
    }
  }

  @Test
  void areLookedAfterUntilTheirPoolIsClosed() throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    try (Terrarium runtime = runtime();
        Pool open = late(runtime, owner).start()) {
      Path closed;
      try (Pool pool =
          Pool.builder().runtime(runtime).adapter(owner, "/alone.py").size(1).start()) {
        closed = pool.config().adapter();
      }
      removeAll(directory.resolve("home/adapters"));
      replaceTheWorker(open);
      assertThat(open.config().adapter()).exists();
      assertThat(closed).doesNotExist();
    }
  }

  /// What a running pool has is what it was started with, or an error.
  @Test
  void areNotMadeAgainFromAJarThatHoldsOthersByNow() throws IOException {
    Path jar = jar().write(directory.resolve("app.jar"));
    try (LogLines log = LogLines.of(RuntimeFiles.class.getName());
        Terrarium runtime = runtime();
        Pool pool = late(runtime, ownerIn(jar)).start()) {
      Path helper = pool.config().adapter().resolveSibling("helper.py");
      Path other = jar().with("late/helper.py", ALTERED).write(directory.resolve("other.jar"));
      Files.move(other, jar, StandardCopyOption.ATOMIC_MOVE);
      Files.delete(helper);
      replaceTheWorker(pool);
      assertThat(helper).doesNotExist();
      Endings.soon().until(() -> log.containing("cannot be made again").size() == 1);
      assertThat(log.containing("cannot be made again"))
          .singleElement()
          .asString()
          .contains("ERROR", folderOf(helper).toString(), "helper.py is another", "start anew");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "HASH"})
  void areRefusedInAFolderThatOthersMayWriteTo(String name) throws IOException {
    Class<?> owner = ownerIn(jar().write(directory.resolve("app.jar")));
    Path adapter = unpacked(owner, "python/iris.py");
    Path folder = name.isEmpty() ? directory.resolve("home/adapters") : folderOf(adapter);
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThatThrownBy(() -> unpacked(owner, "python/iris.py"))
        .isInstanceOfSatisfying(
            StartFailedException.class, it -> assertThat(it.reason()).isEqualTo(Reason.DIRECTORY))
        .hasMessageContainingAll(folder.toString(), "0777", "chmod 700");
  }

  @Test
  void atTheRootComeAlone() throws IOException {
    Path adapter = unpacked(ownerIn(jar().write(directory.resolve("app.jar"))), "/alone.py");
    assertThat(namesBeside(adapter)).containsExactly("alone.py");
  }

  @Test
  void leaveTheirFolderForNothing() throws IOException {
    Path outside = directory.resolve("evil.py");
    Jars jar = jar().with("python/../../../evil.py", "").with("python/" + outside, "");
    Path adapter = unpacked(ownerIn(jar.write(directory.resolve("app.jar"))), "python/iris.py");
    assertThat(namesBeside(adapter)).containsExactlyInAnyOrder("iris.py", "helper.py");
    assertThat(directory.resolve("home/evil.py")).doesNotExist();
    assertThat(outside).doesNotExist();
  }

  @Test
  void areLookedForInTwoPlacesThatTheMessageNames() {
    assertThatThrownBy(() -> unpacked(Owner.class, "python/nothing.py"))
        .isInstanceOfSatisfying(
            StartFailedException.class,
            it -> assertThat(it.reason()).isEqualTo(Reason.ADAPTER_MISSING))
        .hasMessageContainingAll(
            "/dev/terrarium/python/nothing.py or /python/nothing.py", "src/main/resources");
    assertThatThrownBy(() -> unpacked(Owner.class, "/adapters"))
        .hasMessageContaining("/adapters/__init__.py");
  }

  @Test
  void areNotWrittenIntoAFolderOfSomebodyElse() throws IOException {
    Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
    Files.createDirectories(directory.resolve("home"));
    Files.createSymbolicLink(directory.resolve("home/adapters"), elsewhere);
    assertThatThrownBy(() -> unpacked(Owner.class, "/adapters/trouble.py"))
        .isInstanceOfSatisfying(
            StartFailedException.class, it -> assertThat(it.reason()).isEqualTo(Reason.DIRECTORY))
        .hasMessageContainingAll("home/adapters", "it is a link", "TERRARIUM_HOME");
    assertThat(elsewhere).isEmptyDirectory();
  }

  /// What `java -jar` runs of a Spring Boot application.
  static final class App {
    public static void main(String[] arguments) {
      try (Terrarium runtime = Terrarium.start(Config.defaults().withHome(Path.of(arguments[0])))) {
        System.out.println("own " + where(runtime, App.class, "/python/iris.py"));
        System.out.println("of a library " + where(runtime, Owner.class, "flowers/adapter.py"));
      }
    }
  }

  @Test
  void inAJarWithinAJarRunUnderSpringBootsLoader() throws Exception {
    Jars boot =
        new Jars()
            .says("Main-Class", JarLauncher.class.getName())
            .says("Start-Class", App.class.getName())
            .says("Spring-Boot-Classes", "BOOT-INF/classes/")
            .says("Spring-Boot-Lib", "BOOT-INF/lib/")
            .with("BOOT-INF/classes/", "")
            .with("BOOT-INF/lib/", "")
            .with("BOOT-INF/classes/", App.class)
            .with("BOOT-INF/classes/", ClassPathAdapterTest.class)
            .with("BOOT-INF/classes/python/iris.py", IRIS)
            .with("BOOT-INF/classes/python/helper.py", HELPER)
            .with("BOOT-INF/lib/library.jar", jar().bytes());
    for (String part : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      pack(boot, Path.of(part));
    }
    Path jar = boot.write(directory.resolve("boot.jar"));
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-jar",
                jar.toString(),
                directory.resolve("home").toString())
            .redirectErrorStream(true)
            .start();
    String said =
        new String(
            process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    assertThat(said.lines())
        .contains("own [iris, helped]", "of a library [flowers.adapter, read deep]");
  }

  /// The loader lies open in the jar that is run; all else is a library.
  private static void pack(Jars boot, Path part) throws IOException {
    String name = part.getFileName().toString();
    if (name.startsWith("spring-boot-loader")) {
      try (var in = new JarInputStream(Files.newInputStream(part))) {
        for (JarEntry entry = in.getNextJarEntry(); entry != null; entry = in.getNextJarEntry()) {
          if (!entry.isDirectory() && !entry.getName().startsWith("META-INF/MANIFEST")) {
            boot.with(entry.getName(), in.readAllBytes());
          }
        }
      }
    } else if (Stream.of("slf4j", "logback", "jackson").anyMatch(name::startsWith)) {
      boot.with("BOOT-INF/lib/" + name, Files.readAllBytes(part));
    } else if (Files.isDirectory(part) && name.equals("classes")) {
      Path module = part.getName(part.getNameCount() - 3); // MODULE/target/classes
      boot.with("BOOT-INF/lib/" + module + ".jar", new Jars().withAllOf(part).bytes());
    }
  }
}
