"""Tells the build of tests that failed and passed when they were run again, in the way that surefire
does: `build/flaky_tests.py` names them at its end. pytest-rerunfailures runs them again.
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

REPORT = os.environ.get("TERRARIUM_FLAKY_REPORT", "")
"""The file to write; empty: none."""

_failed_first: dict[str, tuple[str, str]] = {}


def pytest_runtest_logreport(report):
    if report.outcome == "rerun":
        crash = getattr(report.longrepr, "reprcrash", None)
        _failed_first[report.nodeid] = (crash.message if crash else "", report.longreprtext)
    elif report.failed:
        _failed_first.pop(report.nodeid, None)


def pytest_sessionfinish():
    if not REPORT:
        return
    suite = ElementTree.Element("testsuite")
    for test, (message, text) in _failed_first.items():
        case = ElementTree.SubElement(suite, "testcase", name=test)
        ElementTree.SubElement(case, "flakyFailure", message=message).text = text
    Path(REPORT).parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(REPORT, encoding="utf-8")


def pytest_terminal_summary(terminalreporter):
    for test, (message, _) in _failed_first.items():
        terminalreporter.write_line(f"FLAKY {test}: {message}")
