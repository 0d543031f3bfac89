"""Plays the JVM: listens on both sockets, starts the warden, turns lines into frames and frames
into lines.

Standard input carries orders: {"type", "id", "envelope"} is sent as a frame, {"do": "mute"} stops
the reading, {"do": "hear"} resumes it, {"do": "close"} closes the connection, {"do": "end-input"}
closes the warden's input. It ends when its input ends, and dies like any process when a test kills
it.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading

HEADER = struct.Struct(">IBBHQ")


def ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


def listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1024)
    return listener


def accept_all(listener: socket.socket, kept: list[socket.socket]) -> None:
    while True:
        kept.append(listener.accept()[0])


def read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def relay(connection: socket.socket, hear: threading.Event) -> None:
    try:
        while True:
            hear.wait()
            length, kind, _, _, number = HEADER.unpack(read_exactly(connection, HEADER.size))
            envelope = json.loads(read_exactly(connection, length))
            say({"type": kind, "id": number, "envelope": envelope})
    except (EOFError, OSError):
        say({"closed": True})


def say(line: dict) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def start_warden(setup: dict) -> subprocess.Popen:
    warden = subprocess.Popen(
        [sys.executable, "-I", "-S", *setup["warden"], "--snakepit-run-id", setup["config"]["run"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=open(setup["stderr"], "ab"),  # noqa: SIM115
    )
    host = {"pid": os.getpid(), "ticks": ticks(os.getpid()), **setup.get("host", {})}
    assert warden.stdin is not None
    warden.stdin.write((json.dumps({**setup["config"], "host": host}) + "\n").encode())
    warden.stdin.flush()
    return warden


def main() -> None:
    setup = json.loads(sys.stdin.readline())
    frames, lifelines = listen(setup["config"]["socket"]), listen(setup["config"]["lifelines"])
    warden = start_warden(setup)
    threading.Thread(target=lambda: say({"warden exited": warden.wait()}), daemon=True).start()
    connection = frames.accept()[0]
    kept: list[socket.socket] = []
    threading.Thread(target=accept_all, args=(lifelines, kept), daemon=True).start()
    hear = threading.Event()
    hear.set()
    threading.Thread(target=relay, args=(connection, hear), daemon=True).start()
    for line in sys.stdin:
        order = json.loads(line)
        if "type" in order:
            body = json.dumps(order["envelope"]).encode()
            connection.sendall(HEADER.pack(len(body), order["type"], 0, 0, order["id"]) + body)
        elif order["do"] == "raw":
            connection.sendall(bytes.fromhex(order["data"]))
        elif order["do"] == "close":
            connection.shutdown(socket.SHUT_RDWR)
        elif order["do"] == "end-input":
            warden.stdin.close()
        elif order["do"] == "close-lifelines":
            while kept:
                kept.pop().close()
        else:
            hear.set() if order["do"] == "hear" else hear.clear()


if __name__ == "__main__":
    main()
