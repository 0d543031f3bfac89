package dev.terrarium.trials;

/// One worker of a host: its state, its child, and how it is to end.
record Tenancy(State state, Kin kin, Fate fate) {
  /// As [#toString] wrote it.
  static Tenancy parse(String text) {
    String[] words = text.split(":", -1);
    return new Tenancy(State.valueOf(words[0]), Kin.valueOf(words[1]), Fate.valueOf(words[2]));
  }

  @Override
  public String toString() {
    return state.name() + ":" + kin.name() + ":" + fate.name();
  }
}
