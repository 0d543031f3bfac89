"""The floor: what a worker costs that does nothing but what cannot be left out.

One process loads what the workers need and forks them; each dials the socket, says its pid and answers
messages in a bare loop. A message is its length in four bytes, big-endian, and so many bytes.

usage: floor.py SOCKET WORKERS plain|json|shared [numpy]
"""

import json
import mmap
import os
import socket
import sys

CHUNK = 1 << 16
HEADER = 4
SHARED_BYTES = 1 << 25

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
decode = json.JSONDecoder().decode


def echo(value):
    return value


TOOLS = {"echo": echo}


def receive(connection):
    """Read one message, header included; nothing when the other end has closed."""
    first = connection.recv(CHUNK)
    if not first:
        return b""
    while len(first) < HEADER:
        first += connection.recv(CHUNK)
    total = HEADER + int.from_bytes(first[:HEADER], "big")
    if len(first) == total:
        return first
    whole = bytearray(total)
    whole[: len(first)] = first
    rest = memoryview(whole)[len(first) :]
    while rest:
        rest = rest[connection.recv_into(rest) :]
    return whole


def serve_plain(connection):
    """Send the bytes back as they came."""
    while True:
        message = receive(connection)
        if not message:
            return
        connection.sendall(message)


def serve_json(connection):
    """Decode a call, call the function, encode what it gave."""
    while True:
        message = receive(connection)
        if not message:
            return
        call = decode(str(message[HEADER:], "utf-8"))
        result = encode(TOOLS[call["tool"]](**call["named"])).encode()
        connection.sendall(len(result).to_bytes(HEADER, "big") + result)


def serve_shared(connection):
    """Take bytes from shared memory and put them back there; only their number is sent."""
    descriptor = os.memfd_create("floor")
    os.ftruncate(descriptor, 2 * SHARED_BYTES)
    memory = mmap.mmap(descriptor, 2 * SHARED_BYTES)
    connection.sendall(descriptor.to_bytes(HEADER, "big"))
    while True:
        message = receive(connection)
        if not message:
            return
        size = int.from_bytes(message[HEADER:], "big")
        value = memory[:size]
        memory[SHARED_BYTES : SHARED_BYTES + size] = value
        connection.sendall(message)


def work(path, serve):
    """Be one worker until the other end closes."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    connection.sendall(os.getpid().to_bytes(HEADER, "big"))
    serve(connection)


def main(path, workers, kind, *preload):
    """Fork the workers and wait until they are gone."""
    for module in preload:
        __import__(module)
    serve = {"plain": serve_plain, "json": serve_json, "shared": serve_shared}[kind]
    for _ in range(int(workers)):
        if os.fork() == 0:
            try:
                work(path, serve)
            finally:
                os._exit(0)
    for _ in range(int(workers)):
        os.wait()


main(*sys.argv[1:])
