package dev.terrarium.cli.doctor;

/// What was found, and what to do about it.
///
/// @param check what was looked at
/// @param remedy empty where all is well
record Finding(String check, Level level, String detail, String remedy) {
  /// How bad it is.
  enum Level {
    /// As it should be.
    OK,
    /// It works, with less than there could be, or something is to be tidied up.
    WARN,
    /// Nothing can be started here.
    FAIL
  }

  static Finding ok(String check, String detail) {
    return new Finding(check, Level.OK, detail, "");
  }

  static Finding warn(String check, String detail, String remedy) {
    return new Finding(check, Level.WARN, detail, remedy);
  }

  static Finding fail(String check, String detail, String remedy) {
    return new Finding(check, Level.FAIL, detail, remedy);
  }
}
