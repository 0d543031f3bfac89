"""Runs the bench: `bench/run [--quick] [--rows echo,call] [--only terrarium,floor-json]`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from pathlib import Path

from . import document, machine, plan, processes, rows, runs

USAGE = "bench/run"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog=USAGE, description="Measures, and writes the tables.")
    parser.add_argument("--quick", action="store_true", help="every row, under two minutes")
    parser.add_argument("--rows", default="", help="only these tables, by name")
    parser.add_argument("--only", default="", help="only these contestants")
    parser.add_argument(
        "--update",
        action="store_true",
        help="put the rows into docs/, in the place of the same ones there",
    )
    parser.add_argument("--repeats", type=int, help="how many fresh JVMs for each case")
    parser.add_argument("--millis", type=int, help="how long each workload counts")
    parser.add_argument("--out", type=Path, help="the folder for benchmarks.md and .json")
    parser.add_argument("--list", action="store_true", help="say what would run")
    parser.add_argument("--java", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen(cases: list[rows.Case], wanted: argparse.Namespace) -> list[rows.Case]:
    """Leave what was asked for; the memory of workers is measured where they start."""
    some_rows = set(filter(None, wanted.rows.replace("memory", "start").split(",")))
    some = set(filter(None, wanted.only.split(",")))
    known_rows = {case.row for case in cases}
    known = {case.contestant for case in cases}
    if (some_rows - known_rows) or (some - known):
        raise SystemExit(
            f"bench: there are the rows {', '.join(sorted(known_rows))}; "
            f"the contestants {', '.join(sorted(known))}"
        )
    return [
        case._replace(repeats=wanted.repeats or case.repeats)
        for case in cases
        if (not some_rows or case.row in some_rows) and (not some or case.contestant in some)
    ]


def folder(wanted: argparse.Namespace, place: runs.Place) -> Path:
    """Only a whole run may change the document of the project."""
    whole = not (wanted.quick or wanted.rows or wanted.only or wanted.repeats or wanted.millis)
    return wanted.out or (place.root / "docs" if whole or wanted.update else place.target)


def the_rest(wanted: argparse.Namespace, docs: Path, facts: dict) -> runs.Results:
    """Find what the document says of all other rows, for a run that replaces some."""
    if wanted.quick or wanted.only or wanted.repeats or wanted.millis or not wanted.rows:
        raise SystemExit("bench: --update wants --rows, and these whole: nothing else")
    known, results = document.read(docs)
    differing = machine.differences(known, facts)
    if differing:
        raise SystemExit(f"bench: measured elsewhere, run all of it: {', '.join(differing)} differ")
    return results


def main() -> int:
    """Measure what was asked for and write it down."""
    wanted = arguments()
    root = Path(__file__).resolve().parent.parent.parent
    place = runs.Place(root, wanted.java, Path(sys.executable))
    runs.smallest_machine()
    sizes = rows.Sizes.of(wanted.quick)
    cases = chosen(plan.cases(sizes), wanted)
    groups = list(runs.in_order(runs.groups(cases, sizes)))
    if wanted.list:
        for group in groups:
            print(" + ".join(f"{c.row}/{c.variant}/{c.contestant}/{c.cpus}" for c in group))
        return 0
    times = runs.times(wanted.quick)
    if wanted.millis:
        times = runs.Times(wanted.millis, wanted.millis)
    begin = time.monotonic()
    facts = machine.facts(place, [USAGE, *map(shlex.quote, asked())], sizes, times)
    rest = the_rest(wanted, folder(wanted, place), facts) if wanted.update else runs.Results()
    runner = runs.Runner(place, times, say, facts["commit"])
    processes.adopt_orphans()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell ignored it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for number, group in enumerate(groups):
            say(f"[{number + 1} of {len(groups)}, {time.monotonic() - begin:.0f} s]")
            runner.run(group)
        others = {*rest.measured} - {case.row for case in cases}
        runner.results.add(rest, others)
        mine = {case.key: case for case in cases}
        planned = [mine.get(case.key, case) for case in plan.cases(sizes)]
        shown = [case for case in planned if case.key in mine or case.row in others]
        verdicts = document.judge_all(shown, plan.targets(sizes), runner.results)
        if not wanted.quick:
            profile_missed(runner, cases, verdicts)
    except KeyboardInterrupt:
        return 130
    finally:
        processes.end_leftovers(patience=0)
    facts["seconds"] = round(time.monotonic() - begin)
    return document.write(folder(wanted, place), facts, shown, verdicts, runner.results)


def profile_missed(runner: runs.Runner, cases: list[rows.Case], verdicts: list) -> None:
    """Find out where Java's time goes in what missed a target; others' profiles are their own."""
    targets = [verdict.target for verdict in verdicts if verdict.met is False]
    missed = {figure[:4] for t in targets for figure in (t.figure, t.reference) if figure}
    for case in cases:
        ours = case.contestant == rows.OURS
        if ours and case.key in missed and dict(case.settings)["workload"] in runs.PROFILED:
            say(f"profile of {case.row}, {case.variant}")
            runner.results.profiles[case.key] = runner.profile(case)


def asked() -> list[str]:
    """Repeat what the caller said, without what `bench/run` added."""
    words = sys.argv[1:]
    at = words.index("--java")
    return words[:at] + words[at + 2 :]


def say(line: str) -> None:
    """Tell how far it is; the answer is the document."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
