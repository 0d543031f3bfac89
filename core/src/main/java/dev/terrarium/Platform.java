package dev.terrarium;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Log;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Where the guarantee holds: Linux 5.10 or newer, and a JVM that has and allows what we need.
public final class Platform {
  /// The property that turns the refusal of an old kernel into a warning.
  static final String PROPERTY = "terrarium.platform";

  /// The one module beside `java.base` that the code uses itself.
  private static final String NEEDED = "jdk.net";

  private static final Pattern VERSION = Pattern.compile("(\\d+)\\.(\\d+).*");

  private Platform() {}

  /// Whether a runtime may be started here. For a kernel that is too old the property says.
  ///
  /// @throws StartFailedException saying what is missing
  public static void check() {
    check(
        System.getProperty("os.name"),
        System.getProperty("os.version"),
        "best-effort".equals(System.getProperty(PROPERTY)));
  }

  /// Whether this JVM has what we need, and allows it.
  ///
  /// @throws StartFailedException saying what is missing
  static void checkJvm(boolean allowsNativeCalls) {
    checkJvm(ModuleLayer.boot().findModule(NEEDED).isPresent(), allowsNativeCalls);
  }

  static void checkJvm(boolean isComplete, boolean allowsNativeCalls) {
    if (!isComplete) {
      throw new StartFailedException(
          Reason.PLATFORM,
          "This Java runtime lacks the module %s: make it with jlink --add-modules %s,..., or start it without --limit-modules"
              .formatted(NEEDED, NEEDED));
    }
    if (!allowsNativeCalls) {
      Module own = Platform.class.getModule();
      throw new StartFailedException(
          Reason.PLATFORM,
          "This JVM refuses native calls, with which processes are found and ended: start it with --enable-native-access=%s"
              .formatted(own.isNamed() ? own.getName() : "ALL-UNNAMED"));
    }
  }

  static void check(String system, String version, boolean bestEffort) {
    if (!system.equals("Linux")) {
      throw new StartFailedException(
          Reason.PLATFORM,
          "Terrarium runs on Linux 5.10 or newer, not on %s: it stands on pidfd, /proc, subreapers and parent-death signals"
              .formatted(system));
    }
    if (isOld(version)) {
      String what =
          "Linux %s is older than 5.10: pidfds and memfds may be missing, so that processes may be left behind"
              .formatted(version);
      if (!bestEffort) {
        throw new StartFailedException(
            Reason.PLATFORM, what + "; -D" + PROPERTY + "=best-effort starts all the same");
      }
      Log.of(Platform.class).warn("{}", what);
    }
  }

  private static boolean isOld(String version) {
    Matcher matcher = VERSION.matcher(version);
    if (!matcher.matches()) {
      return false; // a version that says nothing is no proof of age
    }
    int major = Integer.parseInt(matcher.group(1));
    return major < 5 || (major == 5 && Integer.parseInt(matcher.group(2)) < 10);
  }
}
