package dev.terrarium.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.process.ProcFs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
    for (Path path : new Path[] {state.path(), state.runs()}) {
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
