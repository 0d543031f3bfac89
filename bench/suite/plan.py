"""The cases of a run, and the targets that they are held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .rows import (
    DJL,
    FLOOR,
    FLOOR_JSON,
    FLOOR_SHARED,
    GRPC,
    ONE_CPU,
    OURS,
    PY4J,
    RIVALS,
    TWO_CPUS,
    Case,
    Figure,
    Sizes,
    Target,
)

MIB = 1 << 20
CPUS = (ONE_CPU, TWO_CPUS)
THREADS = ("platform", "virtual")
COSTS = {
    "start_each_ms": "start of a worker",
    "worker_mb": "memory of a worker",
    "call_us": "wall time of a call",
}


def placed(cpus: int) -> str:
    """Say where both sides run."""
    return "one CPU" if cpus == ONE_CPU else "two CPUs"


def cases(sizes: Sizes) -> list[Case]:
    """Everything that is measured."""
    makers = (
        starts,
        echoes,
        calls,
        rates,
        maps,
        bytes_,
        in_place,
        kills,
        scales,
        allocations,
        cleanups,
        ledgers,
    )
    return [case for maker in makers for case in maker(sizes)]


def case(row, variant, contestant, cpus, repeats, **settings) -> Case:
    """Make a case; settings are named as the measuring JVM names them."""
    named = tuple((name.replace("_", "-"), value) for name, value in settings.items())
    return Case(row, variant, contestant, cpus, named, repeats)


def starts(sizes: Sizes) -> Iterator[Case]:
    """Starts, and the memory of what was started."""
    for variant, numpy in (("standard library", "false"), ("numpy", "true")):
        for contestant in (OURS, FLOOR, *RIVALS):
            for cpus in (TWO_CPUS,) if sizes.quick else (TWO_CPUS, ONE_CPU):
                yield case(
                    "start", variant, contestant, cpus, start_repeats(sizes, contestant, cpus),
                    workload="start", workers=sizes.many, numpy=numpy,
                )  # fmt: skip
    for contestant in (OURS, FLOOR):
        yield case(
            "start", "standard library, AOT cache", contestant, TWO_CPUS, sizes.starts,
            workload="start", workers=sizes.many, aot="true",
        )  # fmt: skip


def start_repeats(sizes: Sizes, contestant: str, cpus: str) -> int:
    """Rivals take ten seconds and more for each, and no median of theirs comes near ours."""
    if contestant in (OURS, FLOOR):
        return sizes.starts if cpus == TWO_CPUS else sizes.repeats
    return sizes.repeats if cpus == TWO_CPUS else 1


def echoes(sizes: Sizes) -> Iterator[Case]:
    """One worker, one caller."""
    for cpus in CPUS:
        for contestant in (OURS, FLOOR, FLOOR_JSON, *RIVALS):
            yield case("echo", "1 caller", contestant, cpus, sizes.repeats, workload="echo")


def calls(sizes: Sizes) -> Iterator[Case]:
    """A call of middling size, by one caller and by eight."""
    for number in (1, 8):
        for cpus in (TWO_CPUS,) if sizes.quick else CPUS:
            for contestant in (OURS, FLOOR_JSON, *RIVALS):
                yield case(
                    "call", crowd(number), contestant, cpus, sizes.repeats,
                    workload="call", workers=number, callers=number,
                )  # fmt: skip


def crowd(number: int) -> str:
    """Name as many workers as callers."""
    return "1 caller" if number == 1 else f"{number} workers, {number} callers"


def rates(sizes: Sizes) -> Iterator[Case]:
    """As many calls as there can be."""
    for number in (8, sizes.many):
        for cpus in (TWO_CPUS,) if sizes.quick or number > 8 else CPUS:
            for threads in THREADS:
                for contestant in (OURS, FLOOR, FLOOR_JSON, *RIVALS):
                    yield case(
                        "rate", f"{crowd(number)}, {threads}", contestant, cpus, sizes.repeats,
                        workload="echo", workers=number, callers=number,
                        virtual=str(threads == "virtual").lower(),
                    )  # fmt: skip


def maps(sizes: Sizes) -> Iterator[Case]:
    """Tiny items through `map`, and through plain calls."""
    eight = {"workers": 8, "callers": 8, "bytes": 8}
    yield case("map", "map", OURS, TWO_CPUS, sizes.repeats, workload="map", **eight)
    yield case("map", "plain calls", OURS, TWO_CPUS, sizes.repeats, workload="echo", **eight)


def bytes_(sizes: Sizes) -> Iterator[Case]:
    """Large bytes."""
    for mib in (1, 16):
        for cpus in (TWO_CPUS,) if sizes.quick else CPUS:
            for contestant in (OURS, FLOOR, FLOOR_SHARED, *RIVALS):
                yield case(
                    "bytes", f"{mib} MiB", contestant, cpus, sizes.repeats,
                    workload="bytes", bytes=mib * MIB,
                )  # fmt: skip


def in_place(sizes: Sizes) -> Iterator[Case]:
    """Large bytes that nobody copies out."""
    size = {"bytes": 16 * MIB}
    yield case("in-place", "16 MiB", OURS, TWO_CPUS, sizes.repeats, workload="in-place", **size)
    yield case("in-place", "memcpy", "jdk", TWO_CPUS, sizes.repeats, workload="memcpy", **size)


def kills(sizes: Sizes) -> Iterator[Case]:
    """The end of a JVM that nobody asked."""
    yield case(
        "kill",
        "idle",
        OURS,
        TWO_CPUS,
        sizes.starts,
        workload="victim",
        workers=sizes.many,
    )


def scales(sizes: Sizes) -> Iterator[Case]:
    """More and more."""
    for number in sizes.scale:
        variant = f"{number} workers"
        shared = {"workers": number}
        yield case(
            "scale-workers",
            variant,
            OURS,
            TWO_CPUS,
            sizes.repeats,
            workload="start",
            **shared,
        )
        yield case(
            "scale-workers", variant + ", calls", OURS, TWO_CPUS, sizes.repeats,
            workload="echo", callers=8, **shared,
        )  # fmt: skip
    for number in sizes.scale:
        for contestant in (OURS, FLOOR_JSON):
            yield case(
                "scale-callers", f"{number} callers", contestant, TWO_CPUS, sizes.repeats,
                workload="echo", workers=8, callers=number,
            )  # fmt: skip


def allocations(sizes: Sizes) -> Iterator[Case]:
    """Garbage."""
    yield case("allocation", "echo", OURS, TWO_CPUS, sizes.repeats, workload="allocation")


def cleanups(sizes: Sizes) -> Iterator[Case]:
    """What a dead run leaves."""
    orphans = 50 if sizes.quick else 500
    yield case(
        "orphans", f"{orphans} orphans", OURS, TWO_CPUS, sizes.repeats,
        workload="orphans", workers=orphans,
    )  # fmt: skip


def ledgers(sizes: Sizes) -> Iterator[Case]:
    """Rows of the ledger."""
    yield case("ledger", "10,000 rows", OURS, TWO_CPUS, sizes.repeats, workload="ledger")


def targets(sizes: Sizes) -> list[Target]:
    """Everything that is to be reached."""
    makers = (
        start_targets, memory_targets, echo_targets, call_targets, rate_targets,
        bytes_targets, scale_targets, other_targets, cleanup_targets,
    )  # fmt: skip
    return [target for maker in makers for target in maker(sizes)]


def times(row, variant, cpus, name, limit, other, at_most=True) -> Target:
    """Compare ours with another's figure of the same name."""
    than = {FLOOR_JSON: "the floor with JSON", FLOOR: "the floor",
            FLOOR_SHARED: "the floor through shared memory"}.get(other, other)  # fmt: skip
    text = "{}, {}: at {} {:g} times {}".format(
        variant, placed(cpus), "most" if at_most else "least", limit, than
    )
    return Target(
        row, text, Figure(row, variant, OURS, cpus, name), limit, at_most,
        Figure(row, variant, other, cpus, name),
    )  # fmt: skip


def faster(row, variant, name, limit) -> Target:
    """Compare gRPC's time with ours."""
    return Target(
        row, f"{variant}: at least {limit} times faster than grpc",
        Figure(row, variant, GRPC, TWO_CPUS, name), limit, False,
        Figure(row, variant, OURS, TWO_CPUS, name),
    )  # fmt: skip


def start_targets(_sizes: Sizes) -> Iterable[Target]:
    """Starts."""
    for variant in ("standard library", "numpy"):
        figure = Figure("start", variant, OURS, TWO_CPUS, "start_ms")
        if variant != "numpy":
            yield Target("start", "at most 300 ms", figure, 300, True)
        yield faster("start", variant, "start_ms", 25)


def memory_targets(_sizes: Sizes) -> Iterable[Target]:
    """Memory."""
    for variant, limit in (("standard library", 1.0), ("numpy", 1.5)):
        figure = Figure("start", variant, OURS, TWO_CPUS, "worker_mb")
        yield Target("memory", f"{variant}: at most {limit:g} MB a worker", figure, limit, True)


def echo_targets(_sizes: Sizes) -> Iterable[Target]:
    """Latency."""
    for cpus in CPUS:
        yield times("echo", "1 caller", cpus, "p50_us", 1.5, FLOOR_JSON)
        for other in (PY4J, DJL):
            yield times("echo", "1 caller", cpus, "p50_us", 1, other)


def call_targets(_sizes: Sizes) -> Iterable[Target]:
    """The call of middling size."""
    yield times("call", "1 caller", TWO_CPUS, "p50_us", 1.3, FLOOR_JSON)
    yield times("call", crowd(8), TWO_CPUS, "rate", 0.7, FLOOR_JSON, at_most=False)


def rate_targets(sizes: Sizes) -> Iterable[Target]:
    """Throughput."""
    for threads in THREADS:
        eight = f"{crowd(8)}, {threads}"
        many = f"{crowd(sizes.many)}, {threads}"
        for other in RIVALS:
            yield times("rate", eight, TWO_CPUS, "rate", 1, other, at_most=False)
        for limit, other in ((20, GRPC), (2, PY4J), (2, DJL)):
            yield times("rate", many, TWO_CPUS, "rate", limit, other, at_most=False)
        for variant in (eight, many):
            yield times("rate", variant, TWO_CPUS, "rate", 0.6, FLOOR_JSON, at_most=False)


def bytes_targets(_sizes: Sizes) -> Iterable[Target]:
    """Large bytes."""
    for variant in ("1 MiB", "16 MiB"):
        for floor in (FLOOR, FLOOR_SHARED):
            yield times("bytes", variant, TWO_CPUS, "p50_us", 1.3, floor)
        yield faster("bytes", variant, "p50_us", 4)
    copy = Figure("in-place", "memcpy", "jdk", TWO_CPUS, "copy_us")
    for name in ("there", "back"):
        figure = Figure("in-place", "16 MiB", OURS, TWO_CPUS, name + "_us")
        yield Target("in-place", f"{name}: at most 1.5 times one memcpy", figure, 1.5, True, copy)


def scale_targets(sizes: Sizes) -> Iterable[Target]:
    """Growth: each size beside the one before it."""

    def growth(row, before, after, kind, name):
        figure = Figure(row, f"{after} {kind}", OURS, TWO_CPUS, name)
        other = Figure(row, f"{before} {kind}", OURS, TWO_CPUS, name)
        text = f"{COSTS[name]}, {after} {kind}: at most 1.25 times that of {before}"
        return Target(row, text, figure, 1.25, True, other)

    for before, after in zip(sizes.scale, sizes.scale[1:]):
        yield growth("scale-workers", before, after, "workers", "start_each_ms")
        yield growth("scale-workers", before, after, "workers", "worker_mb")
        yield growth("scale-workers", before, after, "workers, calls", "call_us")
        yield growth("scale-callers", before, after, "callers", "call_us")


def other_targets(_sizes: Sizes) -> Iterable[Target]:
    """What stands alone."""
    yield Target(
        "map", "at least twice the rate of plain calls",
        Figure("map", "map", OURS, TWO_CPUS, "rate"), 2, False,
        Figure("map", "plain calls", OURS, TWO_CPUS, "rate"),
    )  # fmt: skip
    gone = Figure("kill", "idle", OURS, TWO_CPUS, "gone_ms")
    yield Target("kill", "nothing left after at most 100 ms", gone, 100, True)
    echo = Figure("allocation", "echo", OURS, TWO_CPUS, "echo_allocated_bytes")
    yield Target(
        "allocation", "at most 1,024 bytes beyond the JSON's own", echo, 1024, True,
        minus=echo._replace(name="json_allocated_bytes"),
    )  # fmt: skip


def cleanup_targets(sizes: Sizes) -> Iterable[Target]:
    """Cleaning up."""
    variant = f"{50 if sizes.quick else 500} orphans"

    def orphans(name):
        return Figure("orphans", variant, OURS, TWO_CPUS, name)

    def ledger(name):
        return Figure("ledger", "10,000 rows", OURS, TWO_CPUS, name)

    for text, name, limit in (
        ("all found in at most 40 ms", "find_ms", 40),
        ("all ended in at most 1 s", "cleanup_ms", 1000),
        (
            "all ended that ignore SIGTERM: at most 1 s beyond the grace",
            "cleanup_stubborn_ms",
            1000,
        ),
        ("validation: less than 1 ms a process", "validate_each_us", 1000),
    ):
        yield Target("orphans", text, orphans(name), limit, True)
    for text, name, limit in (
        ("reservation: at most 50 us", "reserve_us", 50),
        ("look-up: at most 1 us", "look_up_ns", 1000),
        ("a worker in the registry: at most 1,024 bytes", "row_bytes", 1024),
    ):
        yield Target("ledger", text, ledger(name), limit, True)
