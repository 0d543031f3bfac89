package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.orphan.ShutdownHook;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.warden.PythonHome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Switches layers of defence off: what a layer is good for is seen with all the others off, and
/// with it off as well.
///
/// Those in Python are switched off in the files that a home has unpacked, and so for all runtimes
/// of that home: `python/tests/_layers.py` has the switches.
final class Layers {
  // Tests run in the module's folder.
  private static final Path SWITCHES = Path.of("../python/tests/_layers.py");

  private Layers() {}

  static void switchOff(Path home, List<String> layers) {
    System.setProperty(PythonHome.UNCHECKED, home.toString());
    PythonHome unpacked = PythonHome.unpack(StateDirectory.at(home).path());
    try {
      Files.copy(SWITCHES, unpacked.warden().resolveSibling(SWITCHES.getFileName()));
      weaken(unpacked.warden(), "    from terrarium._warden import main\n", layers);
      weaken(unpacked.worker(), "    from terrarium._worker import main\n", layers);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void weaken(Path script, String start, List<String> layers) throws IOException {
    String names = layers.stream().map("'%s'"::formatted).collect(Collectors.joining(", "));
    String switches = "    from _layers import switch_off\n    switch_off([%s])\n".formatted(names);
    String text = Files.readString(script);
    assertThat(text).containsOnlyOnce(start);
    Files.writeString(script, text.replace(start, start + switches));
  }

  /// What a JVM needs so that its runtime does not mend what was switched off here.
  static List<String> options(Path home) {
    return List.of("-D%s=%s".formatted(PythonHome.UNCHECKED, home));
  }

  /// All of these but some.
  static List<String> allBut(List<String> layers, String... on) {
    return layers.stream().filter(layer -> Stream.of(on).noneMatch(layer::equals)).toList();
  }

  /// The JVM's end does not close this runtime any more.
  static void withoutShutdownHook(Terrarium runtime) {
    try {
      Field field = Terrarium.class.getDeclaredField("atExit");
      field.setAccessible(true);
      ((ShutdownHook.Registration) Objects.requireNonNull(field.get(runtime))).close();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
