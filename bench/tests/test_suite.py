from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from suite import document, machine, plan, processes, rows, runs

HERE = rows.Figure("echo", "1 caller", rows.OURS, rows.TWO_CPUS, "p50_us")
FLOOR = HERE._replace(contestant=rows.FLOOR_JSON)


def results(**medians):
    found = runs.Results()
    for contestant, value in medians.items():
        key = ("echo", "1 caller", contestant.replace("_", "-"), rows.TWO_CPUS)
        found.figures[key].append({"p50_us": value})
    return found


@pytest.mark.parametrize(
    ("ours", "words"), [(15.0, "met"), (18.0, "**missed** by 20 %"), (7.5, "met")]
)
def test_a_verdict_is_computed_from_the_figures(ours, words):
    target = rows.Target("echo", "at most 1.5 times", HERE, 1.5, True, FLOOR)
    verdict = document.judge(target, results(terrarium=ours, floor_json=10.0))
    assert verdict.words() == words


def test_what_was_not_measured_is_not_met():
    target = rows.Target("echo", "at most 1.5 times", HERE, 1.5, True, FLOOR)
    verdict = document.judge(target, results(terrarium=1.0))
    assert verdict.met is None
    assert verdict.words() == "not measured: floor-json did not run"


@pytest.mark.parametrize("quick", [True, False])
def test_each_target_speaks_of_a_case_that_runs(quick):
    sizes = rows.Sizes.of(quick)
    measured = {case.key for case in plan.cases(sizes)}
    for target in plan.targets(sizes):
        for figure in (target.figure, target.reference, target.minus):
            assert figure is None or figure[:4] in measured, target.text


@pytest.mark.parametrize("quick", [True, False])
def test_each_case_runs_as_often_as_it_should(quick):
    sizes = rows.Sizes.of(quick)
    cases = plan.cases(sizes)
    ran = [case.key for group in runs.in_order(runs.groups(cases, sizes)) for case in group]
    for case in cases:
        assert ran.count(case.key) == case.repeats, case


def test_the_order_turns_round():
    sizes = rows.Sizes.of(False)
    cases = [case for case in plan.cases(sizes) if case.row == "echo" and case.cpus == 1]
    order = [group[0].contestant for group in runs.in_order(runs.groups(cases, sizes))]
    assert order[len(cases) : 2 * len(cases)] == order[: len(cases)][::-1]


def test_what_loses_its_parent_is_ended_with_the_bench():
    # A bench of its own, since being a subreaper cannot be undone in the test's process.
    program = (
        "import os, subprocess, sys\n"
        "from suite import processes\n"
        "processes.adopt_orphans()\n"
        "shell = 'sleep 60 >/dev/null & echo $!'\n"
        "pid = int(subprocess.check_output(['sh', '-c', shell]))\n"
        "print(pid, processes.end_leftovers(patience=0), processes.children())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said[1:] == ["1", "[]"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(said[0]), 0)


def test_a_death_is_watched_to_its_end():
    child = subprocess.Popen(["sleep", "60"])
    other = subprocess.Popen(["sleep", "60"])
    try:
        figures = processes.kill_and_watch(child, [other.pid], patience=0.2)
        assert figures["left"] == 1
        assert child.wait() == -signal.SIGKILL
    finally:
        other.kill()
        other.wait()


FACTS = {
    "command": "bench/run", "quick": False, "begun": "2026-01-01T00:00:00+00:00", "commit": "aaa",
    "processor": "p", "memory": "m", "kernel": "k", "java": "j", "python": "c",
    "python_packages": {"numpy": "1"}, "java_libraries": ["x"], "load": "0 0 0",
    "warm_up_ms": 1, "counted_ms": 2, "many": 100, "seconds": 3,
}  # fmt: skip


def measured(row, commit, value):
    found = runs.Results()
    cases = [case for case in plan.cases(rows.Sizes.of(False)) if case.row == row]
    for case in cases:
        found.figures[case.key].append({"p50_us": value, "rate": value})
        found.commands[case.key] = f"java {case.contestant}"
    found.profiles[cases[0].key] = "hot"
    found.failures[cases[-1].key] = "it fell"
    found.measured[row] = {"begun": "2026-02-02", "commit": commit, "load": "0 0 0"}
    return found, cases


def test_a_command_is_told_as_it_is_given_from_the_project_s_folder(tmp_path):
    place = runs.Place(tmp_path, tmp_path / "jdk/bin/java", tmp_path / "bench/venv/python")
    place.target.mkdir(parents=True)
    runner = runs.Runner(place, runs.times(quick=True), str, "aaa")
    (case, *_) = plan.cases(rows.Sizes.of(True))
    told = runner.told(runner.command([case]))
    assert " java " in told
    assert " python=bench/venv/python " in told
    assert str(tmp_path) not in told


def test_a_document_is_read_back_as_it_was_written(tmp_path):
    found, cases = measured("echo", "bbb", 5.0)
    document.write(tmp_path, FACTS, cases, [], found)
    first = (tmp_path / "benchmarks.md").read_text()
    known, again = document.read(tmp_path)
    assert known == FACTS
    document.write(tmp_path, known, cases, [], again)
    assert (tmp_path / "benchmarks.md").read_text() == first


def test_a_row_that_is_measured_again_replaces_itself_alone():
    old, _ = measured("echo", "bbb", 5.0)
    old.add(measured("call", "bbb", 6.0)[0], {"call"})
    new, cases = measured("echo", "ccc", 7.0)
    new.add(old, {"call"})
    assert new.values(cases[0].key, "p50_us") == [7.0]
    assert {row: how["commit"] for row, how in new.measured.items()} == {
        "echo": "ccc",
        "call": "bbb",
    }
    assert new.values(("call", "1 caller", rows.OURS, rows.TWO_CPUS), "p50_us") == [6.0]


def test_figures_of_another_machine_do_not_stand_in_one_document():
    assert machine.differences(FACTS, {**FACTS, "commit": "bbb", "load": "9 9 9"}) == []
    assert machine.differences(FACTS, {**FACTS, "kernel": "other"}) == ["kernel"]
