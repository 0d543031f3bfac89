"""The tables: what was measured, what was to be reached, and whether it was."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .plan import placed
from .rows import OURS, ROWS, Case, Column, Figure, Row, Target
from .runs import Results

HEAD = """# Benchmarks

Written by `{command}`; do not edit: every figure is measured.
Each table says when, and of which commit.
{quick}
How to run it and how to read it: [measuring.md](measuring.md).
"""
QUICK = """
**A quick look, good for nothing but seeing that the bench works**: few JVMs, short rounds, {many}
workers where the targets speak of 100.
"""


class Verdict(NamedTuple):
    """What became of a target."""

    target: Target
    value: float | None
    met: bool | None
    why: str

    def words(self) -> str:
        """Say it in a table."""
        if self.met is None:
            return f"not measured: {self.why}"
        if self.met:
            return "met"
        limit = self.target.limit
        by = self.value / limit - 1 if self.target.at_most else 1 - self.value / limit
        return f"**missed** by {100 * by:.0f} %"


def tables(cases: list[Case]) -> set[str]:
    """Name the tables that these cases fill."""
    rows = {case.row for case in cases}
    return rows | ({"memory"} if "start" in rows else set())


def judge_all(cases: list[Case], targets: list[Target], results: Results) -> list[Verdict]:
    """Hold all that was measured against what is to be reached."""
    rows = tables(cases)
    return [judge(target, results) for target in targets if target.row in rows]


def write(
    folder: Path,
    facts: dict,
    cases: list[Case],
    verdicts: list[Verdict],
    results: Results,
) -> int:
    """Write both files; say whether something of ours could not be measured at all."""
    rows = tables(cases)
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(page(facts, cases, rows, verdicts, results)) + "\n"
    (folder / "benchmarks.md").write_text(text)
    (folder / "benchmarks.json").write_text(
        json.dumps(plain(facts, cases, verdicts, results), indent=1) + "\n"
    )
    print(folder / "benchmarks.md")
    return 1 if any(key[2] == OURS for key in results.failures) else 0


def read(folder: Path) -> tuple[dict, Results]:
    """Read back what was written: the facts, and what was measured."""
    known = json.loads((folder / "benchmarks.json").read_text())
    results = Results()
    for case in known["cases"]:
        key = (case["row"], case["variant"], case["contestant"], case["cpus"])
        results.figures[key] = case["figures"]
        for kept, name in ((results.failures, "failure"), (results.commands, "command")):
            if case[name] is not None:
                kept[key] = case[name]
    results.profiles = {tuple(profile["case"]): profile["text"] for profile in known["profiles"]}
    results.measured = known["measured"]
    results.leftovers.update(known["left_behind"])
    return known["facts"], results


def judge(target: Target, results: Results) -> Verdict:
    """Hold a figure against its target."""
    value = median(target.figure, results)
    for other in (target.reference, target.minus):
        if value is not None and other is not None:
            of_other = median(other, results)
            if of_other is None:
                return Verdict(target, None, None, reason(other, results))
            value = value / of_other if other is target.reference else value - of_other
    if value is None:
        return Verdict(target, None, None, reason(target.figure, results))
    met = value <= target.limit if target.at_most else value >= target.limit
    return Verdict(target, value, met, "")


def median(figure: Figure, results: Results) -> float | None:
    """Find a figure."""
    values = results.values(figure[:4], figure.name)
    return statistics.median(values) if values else None


def reason(figure: Figure, results: Results) -> str:
    """Say why there is none."""
    return results.failures.get(figure[:4], f"{figure.contestant} did not run")


def page(facts, cases, rows, verdicts, results) -> Iterable[str]:
    """Write the document, paragraph by paragraph."""
    quick = QUICK.format(**facts) if facts["quick"] else ""
    yield HEAD.format(**{**facts, "quick": quick})
    yield from machine_table(facts)
    for row in ROWS:
        if row.name in rows:
            yield from section(row, facts, cases, verdicts, results)
    yield from commands(cases, results)


def machine_table(facts: dict) -> Iterable[str]:
    """Say on what it was measured."""
    yield "| | |\n| --- | --- |"
    for name in ("processor", "memory", "kernel", "java", "python"):
        yield f"| {name} | {facts[name]} |"
    python = ", ".join(f"{name} {version}" for name, version in facts["python_packages"].items())
    yield f"| Python packages | {python} |"
    yield f"| Java libraries | {', '.join(facts['java_libraries'])} |"
    yield (f"| rounds | {facts['warm_up_ms']} ms to warm up, {facts['counted_ms']} ms counted |")
    yield ""


def section(row: Row, facts, cases, verdicts, results) -> Iterable[str]:
    """Write one table with its targets."""
    source = "start" if row.name == "memory" else row.name
    of_row = [case for case in cases if case.row == source]
    how = results.measured.get(source, facts)
    yield f"## {row.title}\n\n{row.about}\n"
    yield f"Begun {how['begun']}, commit {how['commit']}, load before it {how['load']}.\n"
    columns = [c for c in row.columns if any(results.values(case.key, c.name) for case in of_row)]
    yield "| | where | who | " + " | ".join(c.title for c in columns) + " | JVMs |"
    yield "| --- " * 3 + "| --- " * len(columns) + "| --- |"
    for case in of_row:
        yield line(case, columns, results)
    yield ""
    mine = [verdict for verdict in verdicts if verdict.target.row == row.name]
    if mine:
        yield "| target | reached | |\n| --- | --- | --- |"
        for verdict in mine:
            reached = "" if verdict.value is None else number(verdict.value, 2)
            yield f"| {verdict.target.text} | {reached} | {verdict.words()} |"
        yield ""
    for case in of_row:
        if case.key in results.profiles:
            yield f"{case.variant}, {placed(case.cpus)}, {case.contestant}: Java's own code.\n"
            yield f"```\n{results.profiles[case.key]}\n```\n"


def line(case: Case, columns: list[Column], results: Results) -> str:
    """Write one line of a table: medians, with the least and the most."""
    cells = [case.variant, placed(case.cpus), case.contestant]
    for column in columns:
        values = [v / column.divisor for v in results.values(case.key, column.name)]
        cells.append(spread(values, column.digits))
    why = results.failures.get(case.key)
    cells.append(f"{len(results.figures[case.key])}" + (f"; {why}" if why else ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def spread(values: list[float], digits: int) -> str:
    """Write a median and what it lies between."""
    if not values:
        return ""
    middle = number(statistics.median(values), digits)
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values), digits)} to {number(max(values), digits)})"


def number(value: float, digits: int) -> str:
    """Write a number for people."""
    return f"{value:,.{digits}f}"


def commands(cases: list[Case], results: Results) -> Iterable[str]:
    """Say how each figure can be had again."""
    yield "## Commands\n\nThe JVM behind each line, as it was started from the project's folder.\n"
    yield "<details><summary>All of them</summary>\n\n```sh"
    yield from dict.fromkeys(
        results.commands[case.key] for case in cases if case.key in results.commands
    )
    yield "```\n</details>"


def plain(facts, cases, verdicts, results) -> dict:
    """Write the same for programs, every single value included."""
    return {
        "facts": facts,
        "cases": [
            {
                **case._asdict(),
                "settings": dict(case.settings),
                "figures": results.figures[case.key],
                "failure": results.failures.get(case.key),
                "command": results.commands.get(case.key),
            }
            for case in cases
        ],
        "targets": [
            {
                "row": verdict.target.row,
                "text": verdict.target.text,
                "limit": verdict.target.limit,
                "at_most": verdict.target.at_most,
                "value": verdict.value,
                "met": verdict.met,
                "verdict": verdict.words().replace("*", ""),
            }
            for verdict in verdicts
        ],
        "profiles": [{"case": key, "text": text} for key, text in results.profiles.items()],
        "measured": results.measured,
        "left_behind": dict(results.leftovers),
    }
