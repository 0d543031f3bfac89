"""Names the tests of a build that failed and passed when they were run again at once.

Reads the reports of surefire and failsafe in all modules, and of pytest, that were written since the
build began. Says nothing of tests that failed twice: Maven does, and fails the build.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
MAVEN = ("*/target/surefire-reports/TEST-*.xml", "*/target/failsafe-reports/TEST-*.xml")
PYTEST = "target/flaky/*.xml"
FLAKY = ("flakyFailure", "flakyError")
SEED = re.compile(r"seed\W{1,3}(-?\d+)", re.IGNORECASE)
MESSAGE_CHARACTERS_MAX = 600


class Flake(NamedTuple):
    test: str
    message: str
    seeds: tuple[str, ...]
    report: Path


def flakes(report: Path) -> list[Flake]:
    found = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 (our own build's)
        failures = [each for each in case if each.tag in FLAKY]
        for failure in failures[:1]:
            said = " ".join(failure.itertext()) + (failure.get("message") or "")
            found.append(
                Flake(
                    ".".join(filter(None, (case.get("classname"), case.get("name")))),
                    message(failure),
                    tuple(dict.fromkeys(SEED.findall(said))),
                    report,
                )
            )
    return found


def message(failure: ElementTree.Element) -> str:
    kind = (failure.get("type") or "").rpartition(".")[2]
    text = " ".join((failure.get("message") or "").split())[:MESSAGE_CHARACTERS_MAX]
    return ": ".join(filter(None, (kind, text))) or "no message"


def told(flake: Flake) -> str:
    seed = "".join(f"\n      seed {each}" for each in flake.seeds)
    report = flake.report.relative_to(ROOT) if flake.report.is_relative_to(ROOT) else flake.report
    return f"FLAKY {flake.test}\n      {flake.message}{seed}\n      {report}"


def since(text: str) -> float:
    """Maven's time of the build's start, in whole seconds."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def main(arguments: list[str], root: Path = ROOT) -> str:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--since", type=since, default=0.0, help="the build's start, UTC")
    begun = parser.parse_args(arguments).since
    reports = sorted(path for pattern in (*MAVEN, PYTEST) for path in root.glob(pattern))
    found = [flake for path in reports if path.stat().st_mtime >= begun for flake in flakes(path)]
    if not found:
        return "No test was flaky."
    tests = "1 test" if len(found) == 1 else f"{len(found)} tests"
    last = f"{tests} failed, and passed when run again at once: see docs/flaky.md."
    return "\n".join([*map(told, found), last])


if __name__ == "__main__":
    print(main(sys.argv[1:]))
