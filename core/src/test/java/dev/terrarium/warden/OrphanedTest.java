package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException;
import dev.terrarium.wire.Messages;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Owners hear of the end of their processes, each for himself.
final class OrphanedTest {
  private final List<String> heard = new ArrayList<>();

  private Orphaned orphaned(int troubles, Set<Long> dead) {
    Map<Long, WorkerProcess> all = Map.of(1L, new Owner("a", troubles), 2L, new Owner("b", 0));
    return new Orphaned(new Roster.All(all, List.of(), dead));
  }

  @Test
  void oneWhoHasNoMemoryToHearItKeepsNobodyElseFromHearingAndIsToldAgain() {
    Orphaned orphaned = orphaned(2, Set.of());
    assertThatThrownBy(() -> orphaned.tell("gone")).hasMessage("1 of 2 owners could not be told");
    assertThat(heard).containsExactly("b: gone");
    assertThatThrownBy(() -> orphaned.tell("gone")).hasMessage("1 of 1 owners could not be told");
    orphaned.tell("gone");
    assertThat(heard)
        .startsWith("b: gone", "a: gone")
        .contains("a cleared", "b cleared")
        .hasSize(4);
    orphaned.tell("gone");
    assertThat(heard).as("and nobody hears it twice").hasSize(4);
  }

  @Test
  void whoseDeathTheWardenHadToldHearsOfItsEndOnly() {
    orphaned(0, Set.of(1L, 2L)).tell("gone");
    assertThat(heard).containsExactlyInAnyOrder("a cleared", "b cleared");
  }

  @Test
  void ofWhomSomethingIsLeftKeepsItsRow() {
    Orphaned orphaned = orphaned(0, Set.of());
    orphaned.keep(Set.of(1L));
    orphaned.tell("gone");
    assertThat(heard).containsExactlyInAnyOrder("a: gone", "b: gone", "b cleared");
  }

  /// One who could not be told waited for ever for a process that nobody would start.
  @Test
  void whoeverIsRefusedAndHasNoMemoryToHearItIsToldAgain() {
    Orphaned orphaned = orphaned(1, Set.of());
    assertThatThrownBy(() -> orphaned.refuse("no")).hasMessage("1 of 2 owners could not be told");
    assertThat(heard).containsExactly("b refused for WARDEN: no");
    orphaned.refuse("no");
    assertThat(heard).containsExactly("b refused for WARDEN: no", "a refused for WARDEN: no");
  }

  private final class Owner implements WorkerProcess {
    private final String name;
    private int troubles;

    Owner(String name, int troubles) {
      this.name = name;
      this.troubles = troubles;
    }

    @Override
    public void spawned(long pid, long startTicks) {}

    @Override
    public void spawnFailed(StartFailedException.Reason reason, String why) {
      hear(" refused for " + reason + ": " + why);
    }

    @Override
    public void exited(Exit exit, String stderrTail, String limit) {
      hear(": " + ((Exit.Unknown) exit).reason());
    }

    private void hear(String what) {
      if (troubles-- > 0) {
        throw new OutOfMemoryError("Java heap space");
      }
      heard.add(name + what);
    }

    @Override
    public void cleared(int strays) {
      heard.add(name + " cleared");
    }

    @Override
    public void output(Messages.Output output) {}
  }
}
