package dev.terrarium;

/// A process of a dead runtime, and what became of it.
public record OrphanEnding(OrphanProcess process, Ending ending) {
  public boolean isDead() {
    return ending instanceof Ending.Dead;
  }

  public boolean isSpared() {
    return ending instanceof Ending.Spared;
  }
}
