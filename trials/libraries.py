"""``trials/run libraries``: forks real packages, and writes docs/libraries.md.

Makes virtual environments under trials/target/environments (wheels only, one for a few packages),
imports each package in a zygote as a pool does, uses it in a worker that the zygote forks, or, where
the import left something that keeps it from forking, in one that is started by exec. The warden, the
zygote and the workers are the real ones; the JVM's part is played by python/tests/_fake_host.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "python"
ENVIRONMENTS = ROOT / "trials/target/environments"
SECONDS_MAX = 120
"""For a package to be imported, or used."""
SPAWN, SPAWNED, SPAWN_FAILED, WARDEN_HELLO, OUTPUT, ZYGOTE_READY = 65, 66, 67, 64, 72, 77
CALL, RESULT = 2, 3
HEADER = struct.Struct(">IBBHQ")

NOT_TRIED = "torch, tensorflow and jax (hundreds of megabytes each)"

PAGE = """\
# Libraries: forked or started by exec

Written by `trials/run libraries` with CPython {python}, and wheels as they were found then; `--only NAME` tries one
package again. Each was imported at the top of an adapter, and used in a worker: forked where the import left nothing that
keeps a process from being forked, else started by exec, which the pool does by itself and says.

{forked} of {tried} are forked. Not tried: {not_tried}.

| package | version | workers are | what the import left | what to do |
| --- | --- | --- | --- | --- |
{table}

Which threads and descriptors count, and why pyarrow's thread does not: [decision 024](decisions/024-hostile-imports.md).
Numerical libraries start a thread for each processor unless `OMP_NUM_THREADS` and its kin say otherwise, as they do in a
pool: where the environment says more, workers are started by exec.
"""  # noqa: E501

ADAPTER = """
import sys
{imported}
from terrarium import tool

@tool
def how():
    return "forked" if "terrarium._zygote" in sys.modules else "exec"

@tool
def use():
    return {use}
"""


class Failed(Exception):
    """A package that could not be tried, or does not work in a worker."""


class Library:
    """One row of libraries.json: the environment that it shares with others, what pip installs, what
    is imported, what a worker does with it, and what users should know.
    """

    def __init__(self, row: dict[str, str]) -> None:
        self.environment = row["environment"]
        self.package = row["package"]
        self.name = self.package.partition("[")[0]
        self.adapter = ADAPTER.format(imported=row["import"], use=row["use"])
        self.advice = row.get("advice", "")


LIBRARIES = [
    Library(row)
    for row in json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
]


class Host:
    """A JVM that is none, with a warden, for one package."""

    def __init__(self, library: Library, python: Path, folder: Path) -> None:
        self._python = str(python)
        self._frames: list[dict] = []
        self._arrived = threading.Condition()
        self._adapter = folder / "adapter.py"
        self._adapter.write_text(library.adapter, encoding="utf-8")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "w"))
        self._listener.listen(4)
        self._listener.settimeout(SECONDS_MAX)
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(PYTHON / "tests/_fake_host.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        birthmark = random.SystemRandom().randrange(1 << 60, 1 << 61)
        config = {"run": "t35t000", "birthmark": birthmark, "token": "secret",
                  "socket": str(folder / "s"), "lifelines": str(folder / "l"),
                  "directory": str(folder)}  # fmt: skip
        warden = [str(PYTHON / "terrarium_warden.py")]
        self._write({"config": config, "warden": warden, "stderr": str(folder / "warden.err")})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.warden = self.first(0, WARDEN_HELLO)["pid"]

    def _read(self) -> None:
        for line in self._process.stdout:
            with self._arrived:
                self._frames.append(json.loads(line))
                self._arrived.notify_all()

    def _write(self, line: dict) -> None:
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def first(self, number: int, *kinds: int) -> dict:
        def find():
            return next(
                (f for f in self._frames if f.get("type") in kinds and f["id"] == number), None
            )

        with self._arrived:
            if not self._arrived.wait_for(find, SECONDS_MAX):
                raise Failed(f"nothing came within {SECONDS_MAX} s: {self.printed()}")
            return find()["envelope"]

    def printed(self) -> str:
        lines = [line for f in self._frames if f.get("type") == OUTPUT
                 for line in f["envelope"]["lines"]]  # fmt: skip
        return " / ".join(lines[-5:])

    def order(self, number: int, name: str, **how: object) -> None:
        spec = {"token": "none", "socket": str(self._folder / "w"), "worker": name,
                "adapter": str(self._adapter), "harmless_threads": harmless_threads()}  # fmt: skip
        argv = [self._python, str(PYTHON / "terrarium_worker.py"), "--worker", name]
        envelope = {"worker": name, "argv": argv, "set": dict.fromkeys(thread_limits(), "1"),
                    "unset": [], "directory": None, "spec": spec, "via": "exec", **how}  # fmt: skip
        self._write({"type": SPAWN, "id": number, "envelope": envelope})

    def talk(self) -> dict[str, object]:
        """What the worker's tools answer."""
        try:
            connection = self._listener.accept()[0]
        except OSError as error:
            raise Failed(f"no worker came: {error}; {self.printed()}") from None
        with connection:
            connection.settimeout(SECONDS_MAX)
            failure = _receive(connection)[1].get("failure")
            if failure:
                raise Failed(str(failure["message"]))
            return {tool: self._call(connection, tool) for tool in ("how", "use")}

    @staticmethod
    def _call(connection: socket.socket, tool: str) -> object:
        body = json.dumps({"tool": tool}).encode()
        connection.sendall(HEADER.pack(len(body), CALL, 0, 0, 1) + body)
        while True:
            kind, answer = _receive(connection)
            if kind == RESULT:
                return answer
            if kind < 10:  # else it is a log record
                raise Failed(f"{answer.get('type')}: {answer.get('message')}")

    def close(self) -> None:
        """As a host that is killed: the warden ends all there is, and then itself."""
        self._listener.close()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{self.warden}") and time.monotonic() < deadline:
            time.sleep(0.02)


def _receive(connection: socket.socket) -> tuple[int, object]:
    length, kind, _, _, _ = HEADER.unpack(_exactly(connection, HEADER.size))
    return kind, json.loads(_exactly(connection, length) or b"null")


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise Failed("the worker died")
        data += more
    return data


def harmless_threads() -> list[str]:
    return _texts("PoolConfig.java", "HARMLESS_THREADS")


def thread_limits() -> list[str]:
    return _texts("worker/SpawnOrders.java", "THREAD_LIMITS")


def _texts(file: str, constant: str) -> list[str]:
    """The JVM's part, from where it stands."""
    source = (ROOT / "core/src/main/java/dev/terrarium" / file).read_text(encoding="utf-8")
    return re.findall(r'"([^"]+)"', source.partition(constant + " =")[2].partition(";")[0])


def environment(name: str) -> Path:
    """A virtual environment with all that is tried there. Returns its interpreter."""
    folder = ENVIRONMENTS / name
    python = folder / "bin/python"
    packages = [each.package for each in LIBRARIES if each.environment == name]
    wanted = "\n".join(packages)
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making the environment {name!r} of {', '.join(packages)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "--only-binary", ":all:"]  # fmt: skip
        if subprocess.run([*pip, *packages], check=False).returncode:
            for package in packages:  # all but those that do not resolve
                subprocess.run([*pip, package], check=False)
        stamp.write_text(wanted)
    return python


def version(python: Path, name: str) -> str:
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    found = subprocess.run(
        [str(python), "-c", code, name], capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise Failed("there is no wheel for this interpreter")
    return found.stdout.strip()


def attempt(library: Library) -> dict[str, str]:
    """One row of the page."""
    row = {"package": library.name, "version": "", "start": "", "why": "", "advice": library.advice}
    folder = Path(tempfile.mkdtemp(prefix="terrarium-"))
    host = None
    try:
        python = environment(library.environment)
        row["version"] = version(python, library.name)
        host = Host(library, python, folder)
        host.order(9, "a-zygote.1", role="zygote")
        ready = host.first(9, ZYGOTE_READY)
        row["why"] = ", ".join(ready["threads"] + ready["descriptors"])
        if row["why"]:
            host.order(1, "a-1")
        else:
            host.order(1, "a-1", via="zygote", zygote=9)
        row["start"] = str(host.talk()["how"])
    except Failed as failure:
        row["start"], row["why"] = "failed", str(failure)
    finally:
        if host is not None:
            host.close()
        shutil.rmtree(folder, ignore_errors=True)
    return row


def page(rows: list[dict[str, str]], python: str) -> str:
    forked = sum(row["start"] == "forked" for row in rows)
    columns = "| {package} | {version} | {start} | {why} | {advice} |"
    cells = ({key: text.replace("|", "\\|") for key, text in row.items()} for row in rows)
    table = "\n".join(columns.format(**each) for each in cells)
    return PAGE.format(
        python=python, forked=forked, tried=len(rows), not_tried=NOT_TRIED, table=table
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="trials/run libraries", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="only this package")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs", help="where the page goes (docs)"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.only or ()) - {library.name for library in LIBRARIES}
    if unknown:
        parser.error(f"not in the list: {', '.join(sorted(unknown))}")
    kept = options.out / "libraries.json"
    found = json.loads(kept.read_text(encoding="utf-8"))["rows"] if kept.exists() else []
    known = {row["package"]: row for row in found}
    for library in LIBRARIES:
        if not options.only or library.name in options.only:
            row = known[library.name] = attempt(library)
            print("{package} {version}: {start} {why}".format(**row), flush=True)
    rows = [known[library.name] for library in LIBRARIES if library.name in known]
    python = platform.python_version()
    kept.write_text(json.dumps({"python": python, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    (options.out / "libraries.md").write_text(page(rows, python), encoding="utf-8")
    return 1 if any(row["start"] == "failed" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
