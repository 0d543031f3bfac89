"""Loading adapters: each failure under its own name, and tools described as they were written."""

from __future__ import annotations

import os
import sys
import textwrap

import pytest

from terrarium import _adapter, _registry, tool
from terrarium._adapter import LoadFailed, load
from terrarium._tools import Tool


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path):
    def writer(source: str, name: str = "adapter_under_test.py") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return str(path)

    return writer


def failure(path: str) -> LoadFailed:
    with pytest.raises(LoadFailed) as caught:
        load(path)
    found = caught.value
    assert "adapter_under_test" not in sys.modules
    assert "terrarium/_" not in (found.traceback or "")
    assert "importlib" not in (found.traceback or "")
    return found


def test_a_file_becomes_the_module_of_its_name(write):
    path = write("""
        from terrarium import tool
        import helper_under_test
        @tool
        def f():
            return helper_under_test.X
    """)
    write("X = 5", "helper_under_test.py")
    adapter = load(path)
    assert sys.modules["adapter_under_test"] is adapter.module
    assert adapter.module.__file__ == path
    assert adapter.tools["f"].function() == 5


def test_a_directory_becomes_a_package(write):
    init = write(
        """
        from terrarium import tool
        from . import other
        @tool
        def g():
            return other.f()
        """,
        "package_under_test/__init__.py",
    )
    write(
        """
        from terrarium import tool
        @tool
        def f():
            return __package__
        """,
        "package_under_test/other.py",
    )
    adapter = load(os.path.dirname(init))
    assert list(adapter.tools) == ["f", "g"]
    assert adapter.tools["g"].function() == "package_under_test"


def test_an_adapter_in_packages_imports_relatively(write):
    """A file that lies in a package said "attempted relative import with no known parent"."""
    write("NAME = 'outer'", "outer_under_test/__init__.py")
    write("from outer_under_test import NAME", "outer_under_test/inner/__init__.py")
    write("def twice(x): return 2 * x", "outer_under_test/inner/helper.py")
    write("HERE = 1", "outer_under_test/inner/beside.py")
    path = write(
        """
        import beside
        from terrarium import tool
        from . import NAME, helper
        from ..other import word
        @tool
        def f():
            return [__name__, NAME, helper.twice(4), word(), beside.HERE]
        """,
        "outer_under_test/inner/adapter_in_it.py",
    )
    write("def word(): return __name__", "outer_under_test/other.py")
    tools = load(path).tools
    name = "outer_under_test.inner.adapter_in_it"
    assert tools["f"].function() == [name, "outer", 8, "outer_under_test.other", 1]
    import outer_under_test.inner

    assert outer_under_test.inner.adapter_in_it is sys.modules[name]


def test_a_package_that_imports_the_adapter_itself_has_its_tools_once(write):
    write("from .adapter_once import f", "once_under_test/__init__.py")
    path = write(
        "from terrarium import tool\n@tool\ndef f(): return __name__",
        "once_under_test/adapter_once.py",
    )
    assert load(path).tools["f"].function() == "once_under_test.adapter_once"


def test_a_packages_file_is_the_package(write):
    init = write(
        "from terrarium import tool\nfrom .a import g\n@tool\ndef f(): return g()",
        "whole_under_test/__init__.py",
    )
    write("def g(): return __name__", "whole_under_test/a.py")
    assert load(init).tools["f"].function() == "whole_under_test.a"


def test_a_folder_that_only_looks_like_a_package_changes_nothing(write):
    """Its name is taken, or none that Python could import."""
    for folder in ("json", "not-a-name", "terrarium"):
        write("raise SystemExit", f"{folder}/__init__.py")
        name = "adapter_under_" + folder[:4].replace("-", "_")
        path = write(
            "from terrarium import tool\nimport json\n@tool\ndef f(): return json.dumps([__name__])",
            f"{folder}/{name}.py",
        )
        assert load(path).tools["f"].function() == f'["{name}"]'


def test_a_package_that_fails_is_told_like_the_adapter(write):
    write("import no_such_module_at_all", "failing_under_test/__init__.py")
    path = write("", "failing_under_test/adapter_in_failing.py")
    found = failure(path)
    assert (found.reason, found.kind) == ("ADAPTER_IMPORT", "ModuleNotFoundError")


def test_a_missing_adapter(tmp_path, write):
    found = failure(str(tmp_path / "nothing.py"))
    assert (found.reason, str(found)) == (
        "ADAPTER_MISSING",
        f"{tmp_path}/nothing.py: no such file",
    )
    (tmp_path / "empty").mkdir()
    found = failure(str(tmp_path / "empty"))
    assert found.reason == "ADAPTER_MISSING"
    assert str(found).endswith("empty is a directory without __init__.py")
    assert failure(write("") + "/inner.py").reason == "ADAPTER_MISSING"


def test_an_unreadable_adapter(tmp_path, write):
    loop = tmp_path / "loop.py"
    loop.symlink_to(loop)
    assert failure(str(loop)).reason == "ADAPTER_UNREADABLE"
    found = failure(write("data", "adapter_under_test.txt"))
    assert (found.reason, "an adapter is a .py file" in str(found)) == ("ADAPTER_UNREADABLE", True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_an_adapter_that_permissions_forbid(write):
    path = write("")
    os.chmod(path, 0)
    os.chmod(os.path.dirname(path), 0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(LoadFailed) as caught:
            load(path)
    finally:
        os.seteuid(0)
    assert caught.value.reason in ("ADAPTER_UNREADABLE", "ADAPTER_MISSING")


def test_a_syntax_error_names_file_line_and_text(write):
    path = write("def f(:\n    pass\n")
    found = failure(path)
    assert (found.reason, found.kind) == ("ADAPTER_SYNTAX", "SyntaxError")
    assert f"({path}, line 1)" in str(found)
    assert f'File "{path}", line 1' in found.traceback
    assert "def f(:" in found.traceback
    assert failure(write("if True:\npass\n")).kind == "IndentationError"
    assert failure(write("x = '\0'")).reason == "ADAPTER_SYNTAX"


def test_a_syntax_error_of_an_imported_module_names_that_file(write):
    other = write("x = = 1", "broken_helper.py")
    found = failure(write("import broken_helper"))
    assert found.reason == "ADAPTER_SYNTAX"
    assert other in str(found)


def test_an_import_error_is_told_in_its_own_words(write):
    found = failure(write("import sys\nimport no_such_module_at_all\n"))
    assert (found.reason, found.kind) == ("ADAPTER_IMPORT", "ModuleNotFoundError")
    assert str(found).startswith("No module named 'no_such_module_at_all'; Python ")
    assert "line 2, in <module>" in found.traceback
    found = failure(write("from os import no_such_name\n"))
    assert (found.reason, found.kind) == ("ADAPTER_IMPORT", "ImportError")


def test_an_exit_during_the_import_is_told_with_its_code(write):
    found = failure(write("import sys\nsys.exit(3)\n"))
    assert (found.reason, found.kind) == ("ADAPTER_EXITED", "SystemExit")
    assert str(found) == "the adapter called sys.exit(3) while it was imported"
    assert "sys.exit()" in str(failure(write("raise SystemExit")))


def test_any_other_exception_is_a_failed_adapter(write):
    found = failure(write("def f():\n    return 1 / 0\nf()\n"))
    assert (found.reason, found.kind) == ("ADAPTER_FAILED", "ZeroDivisionError")
    assert "line 2, in f" in found.traceback
    assert failure(write("raise KeyboardInterrupt")).reason == "ADAPTER_FAILED"


def test_no_tools(write):
    found = failure_without_module(write("def f(): pass"))
    assert found.reason == "NO_TOOLS"
    assert "mark functions with @tool" in str(found)


def failure_without_module(path: str) -> LoadFailed:
    with pytest.raises(LoadFailed) as caught:
        load(path)
    return caught.value


def test_two_tools_of_one_name_are_both_named(write):
    path = write("""
        from terrarium import tool
        @tool
        def f(): pass
        @tool(name="f")
        def other(): pass
    """)
    found = failure_without_module(path)
    assert found.reason == "ADAPTER_FAILED"
    assert str(found) == f"two tools are called 'f': f ({path}:3) and other ({path}:5)"


def test_the_name_of_a_module_that_exists_is_refused(write):
    found = failure_without_module(write("", "terrarium.py"))
    assert found.reason == "ADAPTER_FAILED"
    assert "there is a module 'terrarium' already" in str(found)


def test_on_start_gets_the_options_where_it_wants_them(write):
    adapter = load(
        write("""
        from terrarium import tool, on_start, on_stop
        seen = []
        tool(len)
        @on_start
        def without():
            seen.append("without")
        @on_start
        def with_options(options):
            seen.append(options)
        on_stop(lambda: seen.append("last"))
        on_stop(lambda: seen.append("first"))
    """)
    )
    adapter.start({"a": 1}, None)
    adapter.stop(None)
    assert adapter.module.seen == ["without", {"a": 1}, "first", "last"]


@pytest.mark.parametrize(
    ("statement", "kind", "message"),
    [
        ("raise OSError('no device')", "OSError", "no device"),
        ("raise SystemExit(4)", "SystemExit", "@on_start called sys.exit(4)"),
    ],
)
def test_a_failing_on_start(write, statement, kind, message):
    adapter = load(
        write(f"""
        from terrarium import tool, on_start
        tool(len)
        @on_start
        def load():
            {statement}
    """)
    )
    with pytest.raises(LoadFailed) as caught:
        adapter.start({}, None)
    found = caught.value.description()
    assert (found["reason"], found["type"], found["message"]) == ("ON_START_FAILED", kind, message)
    assert "in load" in found["traceback"]
    assert "terrarium/_" not in found["traceback"]


def test_outside_of_a_load_nothing_is_registered():
    @tool
    def f():
        return 1

    assert f() == 1
    assert _registry._current is None


def test_wrong_uses_of_tool_are_told_at_once():
    with pytest.raises(TypeError, match="@tool needs a function, not an int"):
        tool(5)
    with pytest.raises(ValueError, match="a tool's name is a text"):
        tool(name="")(len)


def test_failures_are_told_in_hello_and_the_worker_exits_with_1(start):
    worker = start.begin("import no_such_module_at_all")
    hello = worker.accept().value
    assert "tools" not in hello
    assert hello["failure"]["reason"] == "ADAPTER_IMPORT"
    assert hello["failure"]["message"].startswith("No module named 'no_such_module_at_all'; ")
    assert hello["token"] == "secret"
    assert worker.ended() == 1
    assert worker.errors() == ""


def test_a_worker_without_an_adapter_says_so(start):
    worker = start.begin(None)
    assert worker.accept().value["failure"]["reason"] == "ADAPTER_MISSING"
    assert worker.ended() == 1


def test_a_hello_that_would_be_too_long_leaves_out_the_docs(start):
    worker = start("""
        from terrarium import tool
        for i in range(200):
            f = lambda: None
            f.__doc__ = "First line.\\n" + "x" * 10000
            tool(f, name=f"f{i}")
    """)
    assert worker.hello.value["tools"][5]["doc"] == "First line."


def describe(function, name=None):
    return Tool(function, name, False).description()


def parameters(function):
    return [
        (each["name"], each["kind"], each["type"], each["required"], each["default"])
        for each in describe(function)["parameters"]
    ]


def test_every_kind_of_parameter_is_described():
    def f(a, /, b: int, c: list[int] = [1], *rest: str, d, e: None = None, **more):  # noqa: B006
        pass

    assert parameters(f) == [
        ("a", "positional only", None, True, None),
        ("b", "positional or keyword", "int", True, None),
        ("c", "positional or keyword", "list[int]", False, "[1]"),
        ("rest", "positional rest", "str", False, None),
        ("d", "keyword only", None, True, None),
        ("e", "keyword only", "None", False, "None"),
        ("more", "keyword rest", None, False, None),
    ]


def test_the_short_way_and_inspect_agree():
    from terrarium import _tools

    def f(a, /, b, c=1, *rest, d, e=None, **more):
        pass

    def g(*, a=1, b):
        pass

    for function in (f, g, lambda: 0, lambda *a: 0, lambda **k: 0):
        assert _tools._from_code(function) == _tools._from_inspect(function)


def test_annotations_are_written_as_in_the_source():
    namespace: dict = {}
    source = (
        "def f(a: int, b: typing.Optional[str], c: typing.List[float], d: C, e: list) -> C: pass"
    )
    code = compile(f"import typing\nclass C: pass\n{source}", "m", "exec", dont_inherit=True)
    namespace["__name__"] = "m"
    exec(code, namespace)
    f = namespace["f"]
    types = [each[2] for each in parameters(f)]
    assert types[0] == "int"
    assert types[1] in ("Optional[str]", "str | None")
    assert types[2:] == ["List[float]", "C", "list"]
    assert describe(f)["returns"] == "C"


def test_kinds_of_tools():
    import functools

    async def coroutine():
        pass

    async def async_generator():
        yield

    class Callable:
        async def __call__(self, x):
            pass

    def generator():
        yield

    kinds = {
        "plain": [len, lambda: 0, functools.partial(max, 1), dict],
        "async": [coroutine, functools.partial(coroutine), Callable()],
        "generator": [generator, async_generator],
    }
    for kind, functions in kinds.items():
        for function in functions:
            assert Tool(function, None, False).kind == kind, function
    assert describe(Callable())["name"] == "Callable"
    assert [name for name, *_ in parameters(Callable())] == ["x"]


def test_docstrings_are_cleaned_as_pydoc_does():
    import inspect

    def f():
        """First.

          Indented.
        Second.
        """

    assert describe(f)["doc"] == inspect.cleandoc(f.__doc__)
    assert describe(lambda: 0)["doc"] is None


def test_a_user_s_directory_called_terrarium_hides_nothing(write):
    write("raise RuntimeError", "terrarium/__init__.py")
    adapter = load(write("from terrarium import tool\ntool(len)"))
    assert list(adapter.tools) == ["len"]
    assert _adapter.__name__ == "terrarium._adapter"
