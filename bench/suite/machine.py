"""The facts without which figures mean nothing."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rows import Sizes
    from .runs import Place, Times

THE_SAME = ("processor", "memory", "kernel", "java", "python", "python_packages", "java_libraries",
            "warm_up_ms", "counted_ms", "many")  # fmt: skip
"""What must be equal for figures to stand in one table."""


def facts(place: Place, command: list[str], sizes: Sizes, times: Times) -> dict:
    """Collect what this machine is, and what runs on it."""
    return {
        "command": " ".join(command),
        "quick": sizes.quick,
        "begun": now(),
        "commit": commit(place.root),
        "processor": f"{os.cpu_count()} x {field('/proc/cpuinfo', 'model name')}",
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": f"{platform.system()} {platform.release()}",
        "java": release(place.java),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python_packages": packages(),
        "java_libraries": libraries(place.target / "lib"),
        "load": load(),
        "warm_up_ms": times.warm_up,
        "counted_ms": times.counted,
        "many": sizes.many,
    }


def differences(one: dict, other: dict) -> list[str]:
    """Name what is not the same in two lists of facts."""
    return [name for name in THE_SAME if one[name] != other[name]]


def now() -> str:
    """Say what time it is."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def load() -> str:
    """Say who else is at work, over the last 1, 5 and 15 minutes."""
    return " ".join(Path("/proc/loadavg").read_text().split()[:3])


def field(path: str, name: str) -> str:
    """Read one field of a file of the kernel."""
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(path).read_text(), re.MULTILINE)
    return found.group(1) if found else "unknown"


def commit(root: Path) -> str:
    """Name what was measured."""
    said = subprocess.run(  # noqa: S603
        ["git", "-C", str(root), "describe", "--always", "--dirty"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"


def release(java: Path) -> str:
    """Read which JDK it is."""
    text = (java.parent.parent / "release").read_text()
    found = re.search(r'^(?:IMPLEMENTOR_VERSION|JAVA_RUNTIME_VERSION)="(.*)"', text, re.MULTILINE)
    return found.group(1) if found else "unknown"


def packages() -> dict:
    """List what is installed beside the bench."""
    return {
        distribution.metadata["Name"]: distribution.version
        for distribution in importlib.metadata.distributions()
        if distribution.metadata["Name"] not in ("pip", "setuptools")
    }


def libraries(folder: Path) -> list[str]:
    """List the contestants' jars."""
    wanted = re.compile(r"(grpc-netty-shaded|grpc-stub|py4j|python|api|jackson-databind)-[0-9].*")
    found = sorted(jar.stem for jar in folder.glob("*.jar") if wanted.fullmatch(jar.stem))
    return [f"djl {name}" if name.startswith(("api-", "python-")) else name for name in found]
