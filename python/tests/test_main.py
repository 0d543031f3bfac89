"""``python3 -m terrarium``: an adapter without a JVM."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

ADAPTER = '''
import pdb
from terrarium import tool, on_start, on_stop, context
started = []

@on_start
async def load(options):
    started.append(options)

@on_stop
def unload():
    import sys
    print("stopped", file=sys.stderr)

@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers.

    More.
    """
    return a + b

@tool
def echo(*args, **named):
    return [args, named, started, context.call_id]

@tool
def blob():
    return b"abc"

@tool
def deep():
    return {"$key": [b"a"]}

@tool
def count(n):
    yield from range(n)

@tool
async def later(x):
    return x

@tool
async def letters():
    yield "a"
    yield "b"

@tool
def fail():
    raise ValueError("on purpose")

@tool
def unsendable():
    return range(1)

@tool
def ask(x):
    breakpoint()
    return x
'''


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "adapter.py"
    path.write_text(textwrap.dedent(ADAPTER), encoding="utf-8")

    def runner(*arguments, adapter=path, **options):
        return subprocess.run(
            [sys.executable, "-m", "terrarium", str(adapter), *arguments],
            cwd=str(__import__("pathlib").Path(__file__).resolve().parent.parent),
            capture_output=True,
            text=True,
            timeout=30,
            **options,
        )

    return runner


def test_without_a_tool_the_tools_are_listed(run):
    done = run()
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split("  ")[0] == "add(a: int, b: int = 1) -> int"
    assert lines[0].endswith("  Add two numbers.")
    assert lines[1] == "echo(*args, **named)"
    assert "async later(x)" in lines


def test_a_call_prints_json(run):
    done = run("add", "1", "2")
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert run("add", "b=5", "a=1").stdout == "6\n"
    found = json.loads(run("echo", "1", "text", "[1]", "x=true", "y=plain").stdout)
    assert found == [[1, "text", [1]], {"x": True, "y": "plain"}, [{}], None]


def test_bytes_are_shown_as_base64_with_their_number(run):
    done = run("blob")
    assert done.stdout == '{"$base64": "YWJj"}\n'
    assert done.stderr == "3 bytes\nstopped\n"
    assert run("deep").stdout == '{"$key": [{"$base64": "YQ=="}]}\n'


def test_generators_print_a_line_an_element(run):
    assert run("count", "3").stdout == "0\n1\n2\n"
    assert run("letters").stdout == '"a"\n"b"\n'


def test_async_tools_run(run):
    assert run("later", "x").stdout == '"x"\n'


def test_what_fails_has_exit_code_1_and_the_user_s_traceback(run):
    done = run("fail")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "ValueError: on purpose" in done.stderr
    assert "terrarium/_" not in done.stderr
    done = run("unsendable")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "value: a range cannot be sent; send a list: list(...)",
    )


def test_wrong_usage_has_exit_code_2(run, tmp_path):
    assert run("nothing").returncode == 2
    done = run("add")
    assert done.returncode == 2
    assert "missing 1 required positional argument: 'a'" in done.stderr
    assert run(adapter=tmp_path / "no.py").returncode == 2
    assert run(adapter="--help").returncode == 0
    assert run(adapter="--wrong").returncode == 2


def test_an_adapter_that_does_not_load_has_exit_code_1(run, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module_at_all")
    done = run(adapter=path)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert "terrarium/_" not in done.stderr


def test_a_debugger_works(run):
    done = run("ask", "5", input="p x\nc\n")
    assert done.returncode == 0, done.stderr
    assert "(Pdb) 5" in done.stdout
