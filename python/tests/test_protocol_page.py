"""docs/protocol.md and ``_protocol`` have the same numbers, and no other module has them again."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from terrarium import _protocol

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
MODULES = sorted(Path(_protocol.__file__).parent.glob("*.py"))
CONTROL = {"CONTROL", "CONTROL_ANSWER"}
"""The frames of questions to a running JVM: nobody asks, or answers, in Python."""


def on_the_page() -> dict[str, int]:
    rows = re.findall(r"^\| (\d+) \| `([A-Z_]+)`", PAGE, re.MULTILINE)
    return {name: int(number) for number, name in rows if name not in CONTROL}


def written_in(path: Path) -> dict[str, ast.expr]:
    """The names that a module gives a value, with what it writes there."""
    return {
        target.id: node.value
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_frame_types_have_the_numbers_of_the_page():
    page = on_the_page()
    assert len(page) > 30
    assert page == {name: getattr(_protocol, name, None) for name in page}


@pytest.mark.parametrize("name", ["ATTACHMENT_BYTES_MAX", "FRAME_BYTES_MAX"])
def test_limits_have_the_values_of_the_page(name):
    (text,) = re.findall(rf"^\| `{name}` \| ([0-9^+ ]+) \(", PAGE, re.MULTILINE)
    powers = [each.strip().split("^") for each in text.split("+")]
    assert getattr(_protocol, name) == sum(int(base) ** int(power) for base, power in powers)


def test_words_are_those_of_the_page():
    reasons = re.search(r'{"reason": ("cancel[^}]*)}', PAGE)
    assert reasons
    assert named("REASON_") == set(re.findall(r'"(\w+)"', reasons[1]))
    kinds = re.search(r"`kind` of a tool is ([^;]*);", PAGE)
    assert kinds
    assert named("KIND_") == set(re.findall(r"`(\w+)`", kinds[1]))


def named(prefix: str) -> set[str]:
    return {value for name, value in vars(_protocol).items() if name.startswith(prefix)}


def test_there_are_constants_only():
    allowed = (ast.Assign, ast.Expr, ast.ImportFrom)
    tree = ast.parse(Path(_protocol.__file__).read_text("utf-8"))
    assert all(isinstance(node, allowed) for node in tree.body)
    assert [node.module for node in tree.body if isinstance(node, ast.ImportFrom)] == ["__future__"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_the_protocol_says_no_other_module_says_again(path):
    if path.stem == "_protocol":
        assert len(written_in(path)) > 50
        return
    again = set(written_in(path)) & set(written_in(Path(_protocol.__file__)))
    assert not again
