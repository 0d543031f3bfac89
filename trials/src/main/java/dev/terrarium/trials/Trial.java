package dev.terrarium.trials;

import dev.terrarium.Start;
import java.util.ArrayList;
import java.util.List;

/// One host of the matrix: ten workers in the ten states, each with another child than its
/// neighbour.
///
/// @param ending how the host ends
/// @param rotation by how much the children are shifted against the states
/// @param start how its workers come to be
record Trial(Ending ending, int rotation, Start start) {
  private static final List<State> STATES = List.of(State.values());
  private static final List<Kin> KINDS = List.of(Kin.values());
  private static final List<Ending> ENDINGS = List.of(Ending.values());

  /// One value of each kind.
  record Cell(Ending ending, State state, Kin kin) {}

  /// Every ending with every state and every child.
  static List<Trial> full() {
    List<Trial> trials = new ArrayList<>();
    for (int rotation = 0; rotation < KINDS.size(); rotation++) {
      for (Ending ending : ENDINGS) {
        trials.add(new Trial(ending, rotation, Start.ZYGOTE));
      }
    }
    return trials;
  }

  /// As few hosts as there are endings: all pairs of values occur. A host has all states and all
  /// children; and there are more endings than rotations, so that each state meets each child.
  static List<Trial> pairs(Start start) {
    List<Trial> trials = new ArrayList<>();
    for (int i = 0; i < ENDINGS.size(); i++) {
      trials.add(new Trial(ENDINGS.get(i), i % KINDS.size(), start));
    }
    return trials;
  }

  List<Tenancy> tenancies() {
    List<Tenancy> tenancies = new ArrayList<>();
    for (int i = 0; i < STATES.size(); i++) {
      State state = STATES.get(i);
      Kin kin = KINDS.get((i + rotation) % KINDS.size());
      tenancies.add(new Tenancy(state, kin, fate(state, i)));
    }
    return tenancies;
  }

  private Fate fate(State state, int index) {
    List<Fate> fates = state.fates();
    return ending == Ending.WORKER ? fates.get((index + rotation) % fates.size()) : Fate.WITH_HOST;
  }

  List<Cell> cells() {
    return tenancies().stream().map(it -> new Cell(ending, it.state(), it.kin())).toList();
  }
}
