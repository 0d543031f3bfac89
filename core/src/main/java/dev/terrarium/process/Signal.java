package dev.terrarium.process;

/// The signals that are ever sent.
public enum Signal {
  HUP(1),
  INT(2),
  QUIT(3),
  KILL(9),
  TERM(15);

  private final int number;

  Signal(int number) {
    this.number = number;
  }

  public int number() {
    return number;
  }

  @Override
  public String toString() {
    return "SIG" + name();
  }
}
