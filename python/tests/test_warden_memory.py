"""A worker that the kernel has killed for memory: what its counts prove, and what they do not.

The machine is made of files here, but for the last tests, in which the kernel does it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from _warden_kit import python, start_hosts  # noqa: F401

from terrarium import _warden_memory

PEAK = 300 << 10  # KiB


class Machine:
    """A /proc, and what is mounted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.proc = root / "proc"
        self.now = 100.0
        self.write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def belongs(self, *lines: str) -> None:
        self.write("proc/self/cgroup", "".join(f"{line}\n" for line in lines))

    def mounts(self, *lines: str) -> None:
        text = "".join(line.replace("ROOT", str(self.root)) + "\n" for line in lines)
        self.write("proc/self/mountinfo", text)

    def watch(self) -> _warden_memory.Watch:
        return _warden_memory.Watch(str(self.proc), lambda: self.now)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def container(machine):
    """Version 2, as in a container: the cgroup is the root of what is seen."""
    machine.belongs("0::/")
    machine.mounts("31 23 0:28 / ROOT/cgroup rw,relatime - cgroup2 cgroup rw")
    machine.write("cgroup/memory.events", "low 0\nmax 7\noom 1\noom_kill 3\noom_group_kill 0\n")
    machine.write("cgroup/memory.max", "536870912\n")
    machine.write("proc/vmstat", "pgfault 5\noom_kill 9\n")
    return machine


def test_a_count_that_has_risen_in_its_cgroup_names_the_kernel_the_limit_and_the_peak(container):
    watch = container.watch()
    container.write("cgroup/memory.events", "oom 2\noom_kill 4\n")
    container.now += 12
    root = container.root
    assert watch.explain(PEAK) == (
        f"killed by the kernel for memory: oom_kill in {root}/cgroup/memory.events rose by 1 within"
        f" 12 s; its peak was 300 MiB resident; the limit is 512 MiB ({root}/cgroup/memory.max):"
        " raise that limit (-m in docker, resources.limits.memory in Kubernetes, MemoryMax= in"
        " systemd), or have fewer workers, or let a call need less"
    )


def test_a_count_that_has_not_risen_says_that_it_was_somebody_else(container):
    watch = container.watch()
    container.write("proc/vmstat", "oom_kill 10\n")  # another container's
    said = watch.explain(PEAK)
    assert said.startswith("neither Terrarium sent it, nor the kernel for want of memory, since")
    assert "has not risen: somebody else did" in said
    assert "its peak was 300 MiB" in said


def test_of_two_that_die_together_the_second_is_explained_too(container):
    watch = container.watch()
    container.write("cgroup/memory.events", "oom_kill 5\n")
    assert "rose by 2" in watch.explain(PEAK)
    container.now += 0.2
    assert watch.explain(PEAK).startswith("killed by the kernel for memory: oom_kill")


def test_one_that_dies_later_is_not_explained_by_an_old_rise(container):
    watch = container.watch()
    container.write("cgroup/memory.events", "oom_kill 5\n")
    assert "rose by 2" in watch.explain(PEAK)
    container.now += 60
    assert watch.explain(PEAK).startswith("neither")


def test_the_narrowest_limit_above_counts(machine):
    machine.belongs("0::/system.slice/app.service")
    machine.mounts("31 23 0:28 / ROOT/cgroup rw - cgroup2 cgroup2 rw")
    below = "cgroup/system.slice/app.service/"
    machine.write(below + "memory.events", "oom_kill 0\n")
    machine.write(below + "memory.max", "max\n")
    machine.write("cgroup/system.slice/memory.max", "1073741824\n")
    watch = machine.watch()
    machine.write(below + "memory.events", "oom_kill 1\n")
    assert f"the limit is 1 GiB ({machine.root}/cgroup/system.slice/memory.max)" in watch.explain(0)


def test_where_nothing_limits_it_the_machine_does(container):
    container.write("cgroup/memory.max", "max\n")
    watch = container.watch()
    container.write("cgroup/memory.events", "oom_kill 4\n")
    assert watch.explain(PEAK).endswith(
        "; no cgroup limits it, the machine has 16 GiB: have fewer workers, or let a call need less"
    )


def test_version_1_counts_in_another_file(machine):
    machine.belongs("4:cpu,memory:/docker/abc", "0::/docker/abc")
    machine.mounts(
        "35 31 0:32 /docker/abc ROOT/memory rw - cgroup cgroup rw,cpu,memory",
        "41 31 0:38 / ROOT/unified rw - cgroup2 cgroup2 rw",
    )
    machine.write("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    machine.write("memory/memory.limit_in_bytes", "268435456\n")
    watch = machine.watch()
    machine.write("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    said = watch.explain(PEAK)
    assert said.startswith("killed by the kernel for memory: oom_kill in")
    assert "memory.oom_control rose by 1" in said
    assert "the limit is 256 MiB" in said


def test_the_machines_count_is_a_hint_only(machine):
    machine.belongs("0::/")
    machine.mounts("41 31 0:38 / ROOT/unified rw - cgroup2 cgroup2 rw")  # its root counts nothing
    machine.write("proc/vmstat", "oom_kill 9\n")
    watch = machine.watch()
    machine.write("proc/vmstat", "oom_kill 10\n")
    said = watch.explain(PEAK)
    assert said.startswith("probably killed by the kernel for memory: oom_kill in")
    assert "counts for the whole machine" in said
    assert "dmesg" in said
    machine.now += 60
    assert watch.explain(PEAK).startswith("neither Terrarium sent it, nor the kernel")


def test_without_any_count_it_says_where_to_look(machine):
    said = machine.watch().explain(PEAK)
    assert said == (
        "perhaps killed by the kernel for memory: there is no count of whom it kills that could be"
        " read here; its peak was 300 MiB resident; `dmesg` or `journalctl -k` names whom the"
        " kernel has killed"
    )


def test_an_unknown_peak_is_left_out(machine):
    assert "peak" not in machine.watch().explain(0)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (300 << 10, "300 KiB"), (3 << 29, "1.5 GiB"),
     (5 << 50, "5120 TiB")],
)  # fmt: skip
def test_sizes_are_written_as_people_do(count, text):
    assert _warden_memory.size(count) == text


# ---- the kernel does it

LIMIT = 96 << 20


@pytest.fixture
def small():
    """A cgroup, of whichever version, for the host, the warden and all below it."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    for mount, _, events, limit in _warden_memory._places("/proc"):
        cgroup = Path(mount) / f"terrarium-test-{os.getpid()}"
        try:
            cgroup.mkdir()
        except OSError:
            continue
        try:
            if not (cgroup / events).exists():
                continue
            (cgroup / limit).write_text(str(LIMIT))
            yield cgroup, events
            return
        except OSError:
            continue
        finally:
            cgroup.rmdir()
    pytest.skip("needs a cgroup with the controller memory that this user can write")


ENTER = """
import os, sys
with open(sys.argv[1], "w") as procs:
    procs.write(str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_who_needs_more_than_there_is_is_killed_and_told_why(small, start):
    cgroup, events = small
    host = start(launcher=[sys.executable, "-c", ENTER, str(cgroup / "cgroup.procs")])
    greedy = "open('/proc/self/oom_score_adj', 'w').write('1000'); held = b'x' * (1 << 30)"
    host.spawn(1, python(greedy))
    exited = host.ended(1)[0]
    assert exited["signal"] == signal.SIGKILL
    assert exited["limit"].startswith(
        f"killed by the kernel for memory: oom_kill in {cgroup}/{events} rose by 1 within"
    )
    assert f"the limit is 96 MiB ({cgroup}/" in exited["limit"]
    host.spawn(2, ["sleep", "1000"])
    host.kill_worker(2)
    assert "limit" not in host.ended(2)[0]
    host.kill()
    host.all_dead()
