"""Measuring JVMs: which cases share one, in which order they run, and what they say."""

from __future__ import annotations

import collections
import itertools
import json
import os
import queue
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, NamedTuple

from . import machine, processes
from .rows import ONE_CPU, TWO_CPUS, Case, Sizes

ALONE = ("start", "victim", "memcpy", "allocation", "orphans", "ledger")
PROFILED = ("echo", "call", "bytes", "map", "in-place", "allocation")
PROFILE_MILLIS = 15_000  # so that what happens once, at the start, does not count for much
SHARED_FROM_WORKERS = 100  # where a start takes seconds, one start serves several cases
PATIENCE_SECONDS = 180.0
KILL_PATIENCE_SECONDS = 10.0
JAVA_FLAGS = (
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dslf4j.internal.verbosity=ERROR",
    "-Xlog:aot=off",
    "-Xlog:cds=off",
)
AOT_CACHE = "-XX:AOTCache="
DEFAULTS = {"workers": 1, "callers": 1, "virtual": "false", "bytes": 64, "numpy": "false"}


class Place(NamedTuple):
    """Where everything is."""

    root: Path
    java: Path
    python: Path

    @property
    def bench(self) -> Path:
        """The folder of the bench."""
        return self.root / "bench"

    @property
    def target(self) -> Path:
        """Where everything goes that is not kept."""
        return self.bench / "target"


class Times(NamedTuple):
    """How long a workload runs, in milliseconds."""

    warm_up: int
    counted: int


class Results:
    """What was measured: every case's figures, one by one as the JVMs said them."""

    def __init__(self) -> None:
        self.figures: dict[tuple, list[dict]] = collections.defaultdict(list)
        self.failures: dict[tuple, str] = {}
        self.commands: dict[tuple, str] = {}
        self.measured: dict[str, dict[str, str]] = {}  # of each row when, of what, at which load
        self.profiles: dict[tuple, str] = {}
        self.leftovers: dict[str, int] = collections.defaultdict(int)

    def add(self, other: Results, rows: set[str]) -> None:
        """Take what another run measured of some rows."""
        for mine, theirs in (
            (self.figures, other.figures),
            (self.failures, other.failures),
            (self.commands, other.commands),
            (self.profiles, other.profiles),
        ):
            mine.update({key: of_case for key, of_case in theirs.items() if key[0] in rows})
        self.measured.update({row: how for row, how in other.measured.items() if row in rows})

    def values(self, key: tuple, name: str) -> list[float]:
        """All values of one figure of a case."""
        return [float(figures[name]) for figures in self.figures[key] if name in figures]


def groups(cases: list[Case], sizes: Sizes) -> list[list[Case]]:
    """Put together what one JVM measures, in the order of the cases."""
    together: dict[tuple, list[Case]] = {}
    for number, case in enumerate(cases):
        settings = dict(case.settings)
        shares = sizes.quick or case.workers >= SHARED_FROM_WORKERS
        if settings["workload"] in ALONE or not shares:
            together[(number,)] = [case]
        else:
            row = "" if sizes.quick else case.row
            key = (row, case.contestant, case.cpus, case.workers)
            together.setdefault(key, []).append(case)
    return list(together.values())


def in_order(group_list: list[list[Case]]) -> Iterator[list[Case]]:
    """Repeat the groups of each row, every second time backwards."""
    for _, row in itertools.groupby(group_list, key=lambda group: group[0].row):
        of_row = list(row)
        for repeat in range(max(group[0].repeats for group in of_row)):
            due = [group for group in of_row if group[0].repeats > repeat]
            yield from due if repeat % 2 == 0 else reversed(due)


class Runner:
    """Runs groups of cases in fresh JVMs."""

    def __init__(self, place: Place, times: Times, say: Callable[[str], None], commit: str) -> None:
        self.place = place
        self.commit = commit
        self.times = times
        self.say = say
        self.results = Results()
        self.trained: set[Path] = set()
        self.log = place.target / "bench.log"
        self.log.write_bytes(b"")

    def run(self, group: list[Case]) -> None:
        """Run one JVM and keep what it says."""
        row = group[0].row
        if row not in self.results.measured:
            self.results.measured[row] = {
                "begun": machine.now(),
                "commit": self.commit,
                "load": machine.load(),
            }
        command = self.command(group)
        for case in group:
            self.results.commands.setdefault(case.key, self.told(command))
        log_begin = self.log.stat().st_size
        try:
            self.train(group, command)
            said = self.measure(group, command)
        except RunFailed as failure:
            said = []
            why = f"{failure}: {self.last_words(log_begin)}"
            for case in group:
                self.results.failures[case.key] = why
        for case, figures in zip(group, said):
            if "missing" in figures:
                self.results.failures[case.key] = figures["missing"]
            self.results.figures[case.key].append(derived(case, figures))
        self.results.leftovers[group[0].contestant] += processes.end_leftovers()
        self.tell(group)

    def told(self, command: list[str]) -> str:
        """Write a command as it is given from the project's folder, wherever that lies here."""
        named = ["java" if word == str(self.place.java) else word for word in command]
        return shlex.join(named).replace(f"{self.place.root}/", "")

    def profile(self, case: Case) -> str:
        """Run a case once more under JFR, for its profile only, and say what it found."""
        recording = self.place.target / "profile.jfr"
        recording.unlink(missing_ok=True)
        view = "hot-methods"
        if dict(case.settings)["workload"] == "allocation":
            view = "allocation-by-site"
            case = case._replace(settings=(("workload", "echo"),))
        command = [
            f"millis={PROFILE_MILLIS}" if word.startswith("millis=") else word
            for word in self.command([case])
        ]
        at = command.index("-cp")
        command[at:at] = [f"-XX:StartFlightRecording:filename={recording},settings=profile"]
        try:
            self.measure([case], command)
        except RunFailed as failure:
            return f"no profile: {failure}"
        finally:
            self.results.leftovers[case.contestant] += processes.end_leftovers()
        jfr = self.place.java.parent / "jfr"
        said = subprocess.run(  # noqa: S603
            [str(jfr), "view", "--width", "110", "--cell-height", "1", view, str(recording)],
            capture_output=True,
            text=True,
            check=False,
        )
        return said.stdout.strip("\n") or said.stderr.strip()

    def tell(self, group: list[Case]) -> None:
        """Say on the terminal how far the bench is."""
        for case in group:
            figures = self.results.figures[case.key]
            shown = {
                name: round(value, 2) if isinstance(value, float) else value
                for name, value in (figures[-1] if figures else {}).items()
                if not name.startswith(("java_", "python_"))
            }
            why = self.results.failures.get(case.key, "")
            self.say(f"{case.row}, {case.variant}, {case.contestant}, {case.cpus}: {shown} {why}")

    def train(self, group: list[Case], command: list[str]) -> None:
        """Make the JVM's cache that a group is to start with, once in each run of the bench."""
        flag = next((word for word in command if word.startswith(AOT_CACHE)), "")
        cache = Path(flag[len(AOT_CACHE) :])
        if not flag or cache in self.trained:
            return
        self.trained.add(cache)
        cache.unlink(missing_ok=True)
        recording = [*command]
        recording[command.index(flag)] = f"-XX:AOTCacheOutput={cache}"
        self.measure(group, recording)
        processes.end_leftovers()

    def command(self, group: list[Case]) -> list[str]:
        """Write down how a group's JVM is started."""
        first = group[0]
        settings = dict(first.settings)
        target = self.place.target
        flags = ["-Xmx256m"] if settings["workload"] == "victim" else []
        if "aot" in settings:
            flags.append(f"{AOT_CACHE}{target / first.contestant}.aot")
        return [
            "taskset", "--cpu-list", "0" if first.cpus == ONE_CPU else "0,1",
            str(self.place.java), *JAVA_FLAGS, *flags,
            "-cp", self.jars(),
            "dev.terrarium.bench.Measure",
            f"contestant={first.contestant}",
            f"python={self.place.python}",
            f"bench={self.place.bench}",
            f"warm-up-millis={self.times.warm_up}",
            f"millis={self.times.counted}",
            *self.workloads(group),
        ]  # fmt: skip

    def jars(self) -> str:
        """List the jars in an order that does not change, as a cache of the JVM wants it."""
        target = self.place.target
        return ":".join(map(str, [*target.glob("terrarium-bench-*.jar"), f"{target / 'lib'}/*"]))

    @staticmethod
    def workloads(group: list[Case]) -> list[str]:
        """Name the settings of each case, all of them, since a case has those of the one before."""
        words: list[str] = []
        for case in group:
            settings = {**DEFAULTS, **dict(case.settings)}
            words += [*(["then"] if words else []), *(f"{k}={v}" for k, v in settings.items())]
        return words

    def environment(self, group: list[Case]) -> dict:
        """Give all contestants the same environment, and ours a home of the bench."""
        kind = "victims" if dict(group[0].settings)["workload"] == "victim" else "home"
        return {
            **os.environ,
            "TERRARIUM_HOME": str(self.place.target / kind),
            "OPENBLAS_NUM_THREADS": "1",
            "DJL_CACHE_DIR": str(self.place.target / "djl"),
            "PYTHONPYCACHEPREFIX": str(self.place.target / "pycache"),
        }

    def measure(self, group: list[Case], command: list[str]) -> list[dict]:
        """Run the JVM and read as many lines as the group has cases."""
        with processes.running(command, self.log, self.environment(group)) as process:
            lines = LineReader(process.stdout)
            said = [json.loads(lines.next(PATIENCE_SECONDS)) for _ in group]
            if "pids" in said[0]:
                return [processes.kill_and_watch(process, said[0]["pids"], KILL_PATIENCE_SECONDS)]
            if lines.next(PATIENCE_SECONDS, end_is_fine=True) or process.wait(30) != 0:
                raise RunFailed(f"exit status {process.returncode}")
            return said

    def last_words(self, begin: int) -> str:
        """Find what an exception said."""
        text = self.log.read_bytes()[begin:].decode(errors="replace")
        thrown = re.findall(r"^(?:Exception in thread.*?|Caused by: )(\S+(?:Exception|Error).*)$",
                            text, re.MULTILINE)  # fmt: skip
        lines = thrown or text.strip().splitlines()[-1:]
        return lines[0] if lines else "it said nothing"


class RunFailed(Exception):
    """A measuring JVM did not do what it was started for."""


class LineReader:
    """Reads lines without waiting for ever."""

    def __init__(self, stream) -> None:
        self.lines: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream) -> None:
        try:
            for line in stream:
                # Whatever else a library prints is none of ours.
                if line.startswith("{"):
                    self.lines.put(line)
        except ValueError:  # closed meanwhile
            pass
        self.lines.put("")

    def next(self, patience: float, end_is_fine: bool = False) -> str:
        """Return the next line; empty at the end, where that is fine."""
        try:
            line = self.lines.get(timeout=patience)
        except queue.Empty:
            raise RunFailed(f"silent for {patience:g} s") from None
        if not line and not end_is_fine:
            raise RunFailed("it ended too early")
        return line


def derived(case: Case, figures: dict) -> dict:
    """Add what follows from what was measured."""
    if "worker_kib" in figures:
        figures["worker_mb"] = figures["worker_kib"] * 1024 / 1e6
        figures["helpers_mb"] = figures["helpers_kib"] * 1024 / 1e6
        figures["start_each_ms"] = figures["start_ms"] / case.workers
    if "rate" in figures:
        figures["call_us"] = 1e6 / figures["rate"]
    return figures


def times(quick: bool) -> Times:
    """Choose how long a workload runs."""
    return Times(100, 100) if quick else Times(3000, 3000)


def smallest_machine() -> None:
    """Refuse a machine that cannot show what is to be shown."""
    if len(os.sched_getaffinity(0)) < TWO_CPUS:
        raise SystemExit("bench: this needs two CPUs")
