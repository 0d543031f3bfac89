"""What Python modules are made of: the work of ``terrarium demo``."""

from __future__ import annotations

import ast
import platform
import sysconfig
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

from terrarium import tool

NOT_OURS = {"site-packages", "dist-packages"}
"""Folders inside the standard library's folder that hold other people's packages."""

warnings.simplefilter("ignore")  # the library's tests are full of code that deserves a warning


@dataclass
class Library:
    """The standard library of the interpreter that runs here."""

    python: str
    folder: str
    files: list[str]


@dataclass
class Longest:
    """The longest function of a module."""

    name: str
    lines: int


@dataclass
class ModuleStats:
    """One module in numbers."""

    module: str
    lines: int
    functions: int
    classes: int
    docwords: int
    longest: Longest | None


@tool(idempotent=True)
def library() -> Library:
    """List every source file of this interpreter's standard library."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = (
        path for path in folder.rglob("*.py") if NOT_OURS.isdisjoint(path.relative_to(folder).parts)
    )
    return Library(platform.python_version(), str(folder), sorted(map(str, files)))


@tool(idempotent=True)
def parse(path: str, folder: str = "") -> ModuleStats:
    """Parse a source file and count what is in it."""
    with tokenize.open(path) as file:  # decodes as Python does
        source = file.read()
    nodes = list(ast.walk(ast.parse(source)))
    functions = [
        node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    return ModuleStats(
        module=module_name(path, folder),
        lines=source.count("\n"),
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for node in nodes),
        docwords=sum(map(docstring_words, nodes)),
        longest=max(map(measure, functions), key=lambda longest: longest.lines, default=None),
    )


@tool(idempotent=True)
def ping() -> None:
    """Answer at once: what a call costs when there is no work in it."""


def module_name(path: str, folder: str) -> str:
    """The name to import the file by: ``email.mime.text``."""
    relative = Path(path).relative_to(folder) if folder else Path(Path(path).name)
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def docstring_words(node: ast.AST) -> int:
    """Words in the docstring, 0 where the node has none."""
    if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return 0
    return len((ast.get_docstring(node, clean=False) or "").split())


def measure(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Longest:
    """Name and length of a function."""
    return Longest(function.name, (function.end_lineno or function.lineno) - function.lineno + 1)
