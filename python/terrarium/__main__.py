"""``python3 -m terrarium adapter.py [TOOL [ARGUMENT ...]]``: an adapter without a JVM.

Lists the tools, or calls one and prints its result as JSON; a generator's elements one a line.
Everything runs in the main thread, and no signal is touched, so that ``breakpoint()`` and an IDE's
debugger work.
"""

from __future__ import annotations

import json
import sys

from terrarium import _errors
from terrarium._adapter import Adapter, LoadFailed, load
from terrarium._plain import Unsendable, rewrite
from terrarium._protocol import KIND_ASYNC, KIND_GENERATOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from terrarium._tools import Tool

DONE, FAILED, WRONG_USAGE = 0, 1, 2
USAGE = """usage: python3 -m terrarium ADAPTER [TOOL [ARGUMENT ...]]

Lists an adapter's tools, or calls one and prints the result as JSON. An argument is read as JSON
where it is JSON, else as text; NAME=VALUE gives it by name. Exit codes: 0 done, 1 the adapter or
the tool failed, 2 wrong usage."""


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    if not arguments or arguments[0].startswith("-"):
        wanted = arguments[:1] in (["-h"], ["--help"])
        print(USAGE, file=sys.stdout if wanted else sys.stderr)
        return DONE if wanted else WRONG_USAGE
    try:
        adapter = load(arguments[0])
    except LoadFailed as error:
        return _say(error.traceback or str(error), _load_code(error))
    sys.argv = arguments[:1]
    if len(arguments) == 1:
        for tool in adapter.tools.values():
            print(_line(tool))
        return DONE
    if arguments[1] not in adapter.tools:
        known = ", ".join(adapter.tools)
        return _say(f"no tool is called {arguments[1]!r}; there are: {known}", WRONG_USAGE)
    return _start_and_call(adapter, adapter.tools[arguments[1]], *_arguments(arguments[2:]))


def _load_code(error: LoadFailed) -> int:
    no_adapter = error.reason in ("ADAPTER_MISSING", "ADAPTER_UNREADABLE", "NO_TOOLS")
    return WRONG_USAGE if no_adapter else FAILED


def _say(text: str, code: int) -> int:
    print(text.rstrip(), file=sys.stderr)
    return code


def _line(tool: Tool) -> str:
    """``add(a: int, b: int = 1) -> int    Add two numbers.``"""
    signature = f"{tool.name}({', '.join(_parameters(tool))})"
    signature = f"async {signature}" if tool.kind == KIND_ASYNC else signature
    signature += f" -> {tool.returns}" if tool.returns else ""
    first = (tool.doc or "").partition("\n")[0]
    return f"{signature:<40}  {first}".rstrip()


def _parameters(tool: Tool) -> Iterator[str]:
    starred = False
    kinds = [parameter["kind"] for parameter in tool.parameters]
    for index, parameter in enumerate(tool.parameters):
        kind = parameter["kind"]
        if kind == "keyword only" and not starred:
            yield "*"
        starred = starred or kind in ("positional rest", "keyword only")
        stars = {"positional rest": "*", "keyword rest": "**"}.get(kind, "")
        text = f"{stars}{parameter['name']}"
        text += f": {parameter['type']}" if parameter["type"] else ""
        if parameter["default"] is not None:
            text += (
                f" = {parameter['default']}" if parameter["type"] else f"={parameter['default']}"
            )
        yield text
        if kind == "positional only" and kinds[index + 1 : index + 2] != [kind]:
            yield "/"


def _arguments(texts: list[str]) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    named: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if equals and name.isidentifier():
            named[name] = _value(value)
        else:
            args.append(_value(text))
    return args, named


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _start_and_call(adapter: Adapter, tool: Tool, args: list[Any], named: dict[str, Any]) -> int:
    turn = _turner(adapter)
    try:
        adapter.start({}, turn)
    except LoadFailed as error:
        return _say(error.traceback or str(error), FAILED)
    try:
        return _call(tool, args, named, turn)
    finally:
        adapter.stop(turn)


def _turner(adapter: Adapter) -> Any:
    """What runs a coroutine to its end: one loop for all of them, since clients made at the start
    live on it.
    """
    if not adapter.has_async and not any(
        _is_async_generator(tool) for tool in adapter.tools.values()
    ):
        return None
    import asyncio

    return asyncio.new_event_loop().run_until_complete


def _is_async_generator(tool: Tool) -> bool:
    from inspect import isasyncgenfunction

    return isasyncgenfunction(tool.function)


def _call(tool: Tool, args: list[Any], named: dict[str, Any], turn: Any) -> int:
    try:
        if tool.convert is not None:
            args, named = tool.convert(args, named)
        result = tool.function(*args, **named)
        for element in _elements(tool, result, turn):
            _show(element)
    except Unsendable as error:
        return _say(str(error), FAILED)
    except Exception as error:
        if isinstance(error, TypeError) and _errors.user_frames(error) is None:
            return _say(f"{error}\n{_line(tool)}", WRONG_USAGE)
        return _say(_errors.user_traceback(error) or repr(error), FAILED)
    return DONE


def _elements(tool: Tool, result: Any, turn: Any) -> Iterator[Any]:
    """The one result, or what a generator yields."""
    if hasattr(result, "__anext__"):
        while True:
            try:
                yield turn(result.__anext__())
            except StopAsyncIteration:
                return
    elif tool.kind == KIND_GENERATOR:
        yield from result
    else:
        yield turn(result) if tool.kind == KIND_ASYNC else result


def _show(value: Any) -> None:
    if isinstance(value, (bytes, bytearray, memoryview)):
        print(f"{memoryview(value).nbytes} bytes", file=sys.stderr)
    plain, attachments = rewrite(value, "value")
    print(json.dumps(_readable(plain, attachments), ensure_ascii=False), flush=True)


def _readable(plain: Any, attachments: list[Any]) -> Any:
    """With bytes as ``{"$base64": ...}``, and keys as the user wrote them."""
    if isinstance(plain, list):
        return [_readable(item, attachments) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if "$bytes" in plain:  # a key of the user's would have two dollars here
        from base64 import b64encode

        return {"$base64": b64encode(attachments[plain["$bytes"]]).decode("ascii")}
    return {
        key[1:] if key.startswith("$") else key: _readable(item, attachments)
        for key, item in plain.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
