"""The spec: what the JVM tells a worker before it starts, one JSON object in an unnamed file."""

from __future__ import annotations

from terrarium._protocol import PROTOCOL
from terrarium._stdlib import os
from terrarium._values import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SPEC_BYTES_MAX = 16 * 2**20


def read(descriptor: int) -> dict[str, Any]:
    """The object in the file, which is closed then. Raises ``ValueError`` and ``OSError``."""
    parts, size = [], 0
    while part := os.read(descriptor, 65_536):
        parts.append(part)
        size += len(part)
        if size > SPEC_BYTES_MAX:
            raise ValueError(f"more than {SPEC_BYTES_MAX} bytes at descriptor {descriptor}")
    os.close(descriptor)
    spec = parse(b"".join(parts).decode("utf-8"))
    for key in ("token", "socket", "adapter"):
        if not isinstance(spec, dict) or not isinstance(spec.get(key), str):
            raise ValueError(f"no {key!r} in the spec")
    if PROTOCOL not in spec.get("protocol", [PROTOCOL]):
        raise ValueError(f"the JVM speaks protocol {spec['protocol']}, this worker {PROTOCOL}")
    return spec


def read_own() -> dict[str, Any]:
    """The one at descriptor 0; then there is nothing to read there any more."""
    spec = read(0)
    nothing = os.open(os.devnull, os.O_RDONLY)  # mostly 0, the lowest free number
    if nothing != 0:
        os.dup2(nothing, 0)
        os.close(nothing)
    os.set_inheritable(0, True)
    return spec
