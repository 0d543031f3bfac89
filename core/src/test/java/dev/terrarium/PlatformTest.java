package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.terrarium.StartFailedException.Reason;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class PlatformTest {
  @ParameterizedTest
  @ValueSource(strings = {"5.10.0", "5.10", "5.15.0-91-generic", "6.1", "10.0.1-rc1", "unknown"})
  void takesALinuxThatIsNewEnough(String version) {
    assertThatCode(() -> Platform.check("Linux", version, false)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(strings = {"5.9.16", "4.18.0-553.el8.x86_64", "3.10.0"})
  void refusesAnOldOneAndNamesTheProperty(String version) {
    var failure =
        failure(StartFailedException.class, () -> Platform.check("Linux", version, false));
    assertThat(failure.reason()).isEqualTo(Reason.PLATFORM);
    assertThat(failure)
        .hasMessageContaining("Linux " + version + " is older than 5.10")
        .hasMessageContaining("-Dterrarium.platform=best-effort");
  }

  @Test
  void takesAnOldOneWhereTheUserInsists() {
    assertThatCode(() -> Platform.check("Linux", "4.18", true)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(strings = {"Mac OS X", "Windows 11"})
  void refusesOtherSystemsWhateverTheUserSays(String system) {
    var failure = failure(StartFailedException.class, () -> Platform.check(system, "99.0", true));
    assertThat(failure.reason()).isEqualTo(Reason.PLATFORM);
    assertThat(failure).hasMessageContaining("not on " + system);
  }

  @Test
  void takesThisMachine() {
    assertThatCode(Platform::check).doesNotThrowAnyException();
    assertThatCode(() -> Platform.checkJvm(true)).doesNotThrowAnyException();
  }

  /// The start went on, and said later that the warden did not come up.
  @Test
  void refusesAJvmThatLacksAModuleOrForbidsNativeCalls() {
    var lacking = failure(StartFailedException.class, () -> Platform.checkJvm(false, true));
    assertThat(lacking.reason()).isEqualTo(Reason.PLATFORM);
    assertThat(lacking).hasMessageContaining("jlink --add-modules jdk.net");
    var forbidden = failure(StartFailedException.class, () -> Platform.checkJvm(true, false));
    assertThat(forbidden.reason()).isEqualTo(Reason.PLATFORM);
    assertThat(forbidden).hasMessageContaining("--enable-native-access=ALL-UNNAMED");
  }
}
