package dev.terrarium.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.process.ProcFs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StateDirectoryTest {
  @TempDir Path home = Path.of("");

  @Test
  void isBelowTheHomeOfTheEnvironment() {
    Map<String, String> environment = Map.of("HOME", at("elsewhere"));

    assertThat(StateDirectory.resolve(environment, home).path())
        .isEqualTo(home.resolve("elsewhere/.local/state/terrarium"));
  }

  @Test
  void isTerrariumHomeBeforeAllElse() {
    var environment = Map.of("TERRARIUM_HOME", at("own"), "XDG_STATE_HOME", at("xdg"));
    assertThat(StateDirectory.resolve(environment, home).path()).isEqualTo(home.resolve("own"));
  }

  @Test
  void isBelowTheStateHome() {
    assertThat(StateDirectory.resolve(Map.of("XDG_STATE_HOME", at("xdg")), home).path())
        .isEqualTo(home.resolve("xdg/terrarium"));
  }

  @Test
  void isInTheUsersHomeOtherwise() {
    Path expected = home.resolve(".local/state/terrarium");
    assertThat(StateDirectory.resolve(Map.of(), home).path()).isEqualTo(expected);
    assertThat(StateDirectory.resolve(Map.of("XDG_STATE_HOME", "relative"), home).path())
        .isEqualTo(expected);
    assertThat(StateDirectory.resolve(Map.of("TERRARIUM_HOME", ""), home).path())
        .isEqualTo(expected);
  }

  /// Without `HOME` and without an entry in the user database, as containers with an arbitrary user
  /// have it, the JVM calls the home directory `?`: a directory of that name, wherever the program
  /// happened to run, was where the state went.
  @ParameterizedTest
  @ValueSource(strings = {"?", "", "relative"})
  void isRefusedWhereThereIsNoHome(String userHome) {
    for (String variable : List.of("", "relative")) {
      assertThatThrownBy(() -> StateDirectory.resolve(Map.of("HOME", variable), Path.of(userHome)))
          .isInstanceOf(RegistryException.class)
          .hasMessageContainingAll(
              "user " + ProcFs.ownUid() + " has no home directory", "TERRARIUM_HOME", "set HOME");
    }
    assertThat(Path.of(userHome.isEmpty() ? "?" : userHome)).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERRARIUM_HOME", "XDG_STATE_HOME", "HOME"})
  void needsNoHomeWhereThereIsAnotherPlace(String variable) {
    StateDirectory state = StateDirectory.resolve(Map.of(variable, at("named")), Path.of("?"));
    assertThat(state.path()).startsWith(home.resolve("named"));
  }

  /// Whoever could put a directory into `runs` would say whose processes are to be ended.
  @ParameterizedTest
  @ValueSource(strings = {"rwxrwxrwx", "rwxrwx---", "rwx----w-"})
  void isRefusedWhereOthersMayWriteToTheRuns(String mode) throws IOException {
    StateDirectory state = StateDirectory.at(home.resolve("state"));
    Files.setPosixFilePermissions(state.runs(), PosixFilePermissions.fromString(mode));
    assertThatThrownBy(() -> StateDirectory.at(state.path()))
        .isInstanceOf(RegistryException.class)
        .hasMessageContainingAll(state.runs().toString(), "others may write", "chmod 700");
  }

  @Test
  void isLocatedWithoutBeingMade() {
    Path nowhere = home.resolve("not/there");
    assertThat(StateDirectory.locate(nowhere).path()).isEqualTo(nowhere);
    assertThat(StateDirectory.locate(nowhere).runs()).isEqualTo(nowhere.resolve("runs"));
    assertThat(home).isEmptyDirectory();
  }

  @Test
  void isForItsUserAlone() throws IOException {
    StateDirectory state = StateDirectory.at(home.resolve("a/b"));
    Path above = home.resolve("a"); // which was made on the way
    for (Path path : new Path[] {above, state.path(), state.runs()}) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rwx------");
    }
  }

  @Test
  void namesPathAndRemedyWhereItCannotBe() throws IOException {
    Path file = Files.createFile(home.resolve("file"));
    assertThatThrownBy(() -> StateDirectory.at(file.resolve("below")))
        .isInstanceOf(RegistryException.class)
        .hasMessageContainingAll(file.toString(), "TERRARIUM_HOME");
    assertThatThrownBy(() -> StateDirectory.at(file))
        .isInstanceOf(RegistryException.class)
        .hasMessageContainingAll(file.toString(), "TERRARIUM_HOME");
  }

  @Test
  void inTheTemporaryDirectoryIsNamedAfterTheUser() {
    assertThat(StateDirectory.temporaryIn(home).path())
        .isEqualTo(home.resolve("terrarium-" + ProcFs.ownUid()));
    assertThat(StateDirectory.temporaryIn(home).path()).exists();
  }

  @Test
  void inTheTemporaryDirectoryIsRefusedWhereOthersMayLookIn() throws IOException {
    Path open = home.resolve("terrarium-" + ProcFs.ownUid());
    Files.createDirectory(
        open, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
    assertThatThrownBy(() -> StateDirectory.temporaryIn(home))
        .isInstanceOf(RegistryException.class)
        .hasMessageContaining("0700");
  }

  @Test
  void inTheTemporaryDirectoryIsRefusedWhereItIsALink() throws IOException {
    Path target = Files.createDirectory(home.resolve("target"));
    Files.createSymbolicLink(home.resolve("terrarium-" + ProcFs.ownUid()), target);
    assertThatThrownBy(() -> StateDirectory.temporaryIn(home))
        .isInstanceOf(RegistryException.class);
  }

  private String at(String name) {
    return home.resolve(name).toString();
  }
}
