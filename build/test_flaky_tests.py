from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import flaky_tests
import pytest

BUILD = Path(__file__).resolve().parent
REPORT = """\
<testsuite>
  <testcase name="steady" classname="dev.OneTest"/>
  <testcase name="plain" classname="dev.OneTest">
    <flakyFailure message="[round 3] &#10;Expecting value" type="org.opentest4j.AssertionFailedError">
      <stackTrace><![CDATA[at dev.OneTest.plain]]></stackTrace>
      <system-out><![CDATA[seed 4711
]]></system-out>
    </flakyFailure>
  </testcase>
  <testcase name="silent" classname="dev.OneTest"><flakyError type="java.lang.Error"/></testcase>
  <testcase name="broken" classname="dev.OneTest">
    <failure message="twice"/><rerunFailure message="twice"/>
  </testcase>
</testsuite>
"""


@pytest.fixture(name="root")
def a_build(tmp_path):
    for kind in ("surefire", "failsafe"):
        reports = tmp_path / "core" / "target" / f"{kind}-reports"
        reports.mkdir(parents=True)
        (reports / f"TEST-dev.{kind}.xml").write_text(REPORT)
    return tmp_path


def test_each_flaky_test_is_named_with_message_and_seed(root):
    said = flaky_tests.main([], root)
    assert said.count("FLAKY dev.OneTest.plain\n") == 2
    assert "AssertionFailedError: [round 3] Expecting value\n      seed 4711\n" in said
    assert "FLAKY dev.OneTest.silent\n      Error\n" in said
    assert "broken" not in said
    assert "steady" not in said
    assert said.endswith("4 tests failed, and passed when run again at once: see docs/flaky.md.")


def test_reports_of_an_earlier_build_are_left_out(root):
    old = root / "core/target/surefire-reports/TEST-dev.surefire.xml"
    os.utime(old, (0, 0))
    said = flaky_tests.main(["--since", "2000-01-01T00:00:00Z"], root)
    assert said.count("FLAKY") == 2
    os.utime(root / "core/target/failsafe-reports/TEST-dev.failsafe.xml", (0, 0))
    assert flaky_tests.main(["--since", "2000-01-01T00:00:00Z"], root) == "No test was flaky."


def test_a_test_of_pytest_that_fails_once_is_named_and_passes(tmp_path):
    (tmp_path / "test_moody.py").write_text(
        textwrap.dedent(
            """
            import pathlib
            def test_moody():
                mark = pathlib.Path(__file__).with_name("mark")
                first = not mark.exists()
                mark.touch()
                assert not first, "seed 12"
            def test_broken():
                assert False
            """
        )
    )
    report = tmp_path / "target/flaky/python.xml"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "_flaky", "--reruns", "1", "-c", os.devnull,
         "--rootdir", str(tmp_path), str(tmp_path)],
        env={**os.environ, "TERRARIUM_FLAKY_REPORT": str(report),
             "PYTHONPATH": str(BUILD.parent / "python" / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "1 failed, 1 passed" in ran.stdout
    said = flaky_tests.main([], tmp_path)
    assert said.startswith("FLAKY test_moody.py::test_moody\n      AssertionError: seed 12")
    assert "\n      seed 12\n" in said
    assert "broken" not in said
