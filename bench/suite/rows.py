"""What is measured, and what is to be reached."""

from __future__ import annotations

from typing import NamedTuple

OURS = "terrarium"
FLOOR = "floor"
FLOOR_JSON = "floor-json"
FLOOR_SHARED = "floor-shared"
GRPC = "grpc"
DJL = "djl"
PY4J = "py4j"
RIVALS = (GRPC, DJL, PY4J)

ONE_CPU = 1
TWO_CPUS = 2


class Case(NamedTuple):
    """One thing that is measured: by one contestant, with these settings of a measuring JVM."""

    row: str
    variant: str
    contestant: str
    cpus: int
    settings: tuple[tuple[str, object], ...]
    repeats: int

    @property
    def workers(self) -> int:
        """How many workers it starts."""
        return int(dict(self.settings).get("workers", 1))

    @property
    def key(self) -> tuple[str, str, str, int]:
        """By which its figures are found."""
        return (self.row, self.variant, self.contestant, self.cpus)


class Figure(NamedTuple):
    """Where a figure is found: the median of one name in one case."""

    row: str
    variant: str
    contestant: str
    cpus: int
    name: str


class Target(NamedTuple):
    """What is to be reached: a figure, or its ratio to another, on one side of a limit."""

    row: str
    text: str
    figure: Figure
    limit: float
    at_most: bool
    reference: Figure | None = None
    minus: Figure | None = None  # subtracted first, where only what is beyond it counts


class Column(NamedTuple):
    """A column of a row's table."""

    name: str
    title: str
    divisor: float = 1.0
    digits: int = 1


class Row(NamedTuple):
    """One table."""

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]


class Sizes(NamedTuple):
    """How much is done: the whole bench, or a quick look."""

    quick: bool
    many: int  # workers, where there are to be many
    repeats: int
    starts: int  # fresh JVMs for the row that starts workers
    scale: tuple[int, ...]

    @classmethod
    def of(cls, quick: bool) -> Sizes:
        """Choose."""
        if quick:
            return cls(True, 4, 1, 1, (1, 10, 40))
        return cls(False, 100, 3, 10, (1, 10, 100, 1000))


CPU_COLUMNS = (
    Column("java_user_us", "Java, own code, us a call"),
    Column("java_system_us", "Java, kernel, us a call"),
    Column("python_user_us", "Python, own code, us a call"),
    Column("python_system_us", "Python, kernel, us a call"),
)
LATENCY_COLUMNS = (
    Column("p50_us", "p50, us"),
    Column("p99_us", "p99, us"),
    *CPU_COLUMNS,
)
RATE_COLUMNS = (
    Column("rate", "calls a second", digits=0),
    Column("p50_us", "p50, us"),
    *CPU_COLUMNS,
)

ROWS = (
    Row(
        "start",
        "Start",
        "From nothing to all workers having answered once, helpers included, in a fresh JVM.",
        (
            Column("start_ms", "ms", digits=0),
            Column("java_cpu_ms", "processor time of the JVM, ms", digits=0),
            Column("python_cpu_ms", "processor time below it, ms", digits=0),
        ),
    ),
    Row(
        "memory",
        "Memory",
        "Proportional memory (PSS) of a worker after 100 calls each, in the JVMs of the row above; "
        "1 MB is 1,000,000 bytes.",
        (
            Column("worker_mb", "a worker, MB", digits=2),
            Column("helpers_mb", "all helpers together, MB", digits=1),
        ),
    ),
    Row("echo", "Echo of 64 bytes", "One worker, one caller.", LATENCY_COLUMNS),
    Row("call", "A call with fields", "Five fields and a list of 20 doubles, given back.",
        RATE_COLUMNS),
    Row("rate", "Calls per second", "Echoes of 64 bytes, each caller without pause.", RATE_COLUMNS),
    Row("map", "`map`", "100,000 tiny items, beside plain calls of as many bytes.",
        (Column("rate", "items a second", digits=0),)),
    Row("bytes", "Bytes there and back", "One worker, one caller, a new array each way.",
        (Column("p50_us", "p50, ms", 1000, 2), *CPU_COLUMNS)),
    Row("in-place", "Bytes read in place",
        "16 MiB sent as a MemorySegment and looked at in Python (there); given by Python and "
        "looked at in Java (back).",
        (Column("there_us", "there, us", digits=0), Column("back_us", "back, us", digits=0),
         Column("copy_us", "one memcpy, us", digits=0))),
    Row("kill", "Kill", "From SIGKILL of a JVM (256 MB heap) with idle workers to nothing left.",
        (Column("gone_ms", "ms", digits=0), Column("left", "left", digits=0))),
    Row("scale-workers", "Growth with the workers",
        "The cost of one worker, and of an echo of 8 callers, with more and more workers.",
        (Column("start_each_ms", "start, ms a worker", digits=2),
         Column("worker_mb", "a worker, MB", digits=2),
         Column("call_us", "wall time of a call, us"))),
    Row("scale-callers", "Growth with the callers",
        "Echoes of 64 bytes on 8 workers with more and more callers.",
        (Column("call_us", "wall time of a call, us"), *RATE_COLUMNS)),
    Row("allocation", "Memory of a call in Java",
        "JMH, `gc` profiler: bytes that a 64-byte echo allocates in all threads of the JVM, and "
        "the same JSON written and read and sent nowhere.",
        (Column("echo_allocated_bytes", "bytes an echo", digits=0),
         Column("json_allocated_bytes", "bytes of its JSON", digits=0))),
    Row("orphans", "Finding and ending orphans",
        "Processes of a dead run, each in a session of its own, in a JVM that has done nothing "
        "else; the first clean-up of such as die of SIGTERM, the second of such as ignore it.",
        (Column("processes", "processes on the machine", digits=0),
         Column("find_first_ms", "found the first time, ms"),
         Column("find_ms", "found later, ms"),
         Column("validate_each_us", "validated, us a process"),
         Column("cleanup_ms", "ended, ms", digits=0),
         Column("cleanup_stubborn_ms", "stubborn ones ended, ms beyond the grace", digits=0))),
    Row("ledger", "The ledger", "Medians; memory by JOL.",
        (Column("reserve_us", "reserve, us"), Column("activate_us", "activate, us"),
         Column("release_us", "release, us"), Column("look_up_ns", "look up, ns", digits=0),
         Column("row_bytes", "bytes a worker", digits=0))),
)  # fmt: skip
