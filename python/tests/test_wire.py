"""Frames over a socket pair."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from terrarium import _connection, _protocol, _wire
from terrarium._connection import Connection, ConnectionLost
from terrarium._wire import ProtocolError


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    connections = [Connection(left), Connection(right)]
    yield connections
    left.close()
    right.close()


def receive_in_thread(connection):
    frames = []
    thread = threading.Thread(target=lambda: frames.append(connection.receive()))
    thread.start()
    return thread, frames


def test_small_frames_arrive_one_by_one(pair):
    pair[0].send(_protocol.PING, 7)
    pair[0].send(_protocol.RESULT, 2**64 - 1, b"1", [b"", b"ab"])
    pair[0].send(_protocol.RESULT, 3, b"[2]")
    assert pair[1].receive() == (_protocol.PING, 7, b"", [])
    assert pair[1].receive() == (_protocol.RESULT, 2**64 - 1, b"1", [b"", b"ab"])
    assert pair[1].receive() == (_protocol.RESULT, 3, b"[2]", [])


@pytest.mark.parametrize("size", [4079, 4080, 4081, 8192, 1_000_000])
def test_frames_around_and_beyond_the_read_ahead(pair, size):
    thread, frames = receive_in_thread(pair[1])
    pair[0].send(_protocol.RESULT, 1, b"x" * size, [b"y" * size, memoryview(b"z" * 3)])
    thread.join()
    assert frames == [(_protocol.RESULT, 1, b"x" * size, [b"y" * size, b"zzz"])]


def test_more_attachments_than_one_system_call_takes(pair):
    attachments = [bytes([i % 256]) * (i % 700) for i in range(3000)]
    thread, frames = receive_in_thread(pair[1])
    pair[0].send(_protocol.RESULT, 1, b"1", attachments)
    thread.join()
    assert frames[0][3] == attachments


def test_frames_of_many_threads_stay_whole(pair):
    def send(number):
        for _ in range(50):
            pair[0].send(_protocol.RESULT, number, b"%d" % number * 3000, [b"a" * 30_000])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(8 * 50):
        _, number, envelope, attachments = pair[1].receive()
        assert envelope == b"%d" % number * 3000
        assert attachments == [b"a" * 30_000]
    for thread in threads:
        thread.join()


def test_the_end_is_an_eof_also_inside_a_frame():
    for data in (b"", struct.pack(">IBBHQ", 100, 3, 0, 0, 1) + b"short", b"\0\0"):
        left, right = socket.socketpair()
        left.sendall(data)
        left.close()
        with pytest.raises(EOFError):
            Connection(right).receive()
        right.close()


@pytest.mark.parametrize(
    "head",
    [
        (5, 3, 1, 0, 0),
        (_protocol.FRAME_BYTES_MAX + 1, 3, 0, 0, 0),
        (3, 3, 0, 1, 0),
    ],
)
def test_impossible_headers_are_protocol_errors(head):
    left, right = socket.socketpair()
    left.sendall(struct.pack(">IBBHQ", *head))
    with pytest.raises(ProtocolError):
        Connection(right).receive()
    left.close()
    right.close()


def test_attachments_beyond_their_limit_are_protocol_errors():
    left, right = socket.socketpair()
    size = _protocol.ATTACHMENT_BYTES_MAX + 1
    left.sendall(struct.pack(">IBBHQI", size + 4, 3, 0, 1, 0, size))
    with pytest.raises(ProtocolError):
        Connection(right).receive()
    left.close()
    right.close()


def test_sending_to_nobody_says_that_the_host_is_gone(pair):
    pair[1]._socket.close()
    for _ in range(2):
        with pytest.raises(ConnectionLost) as caught:
            pair[0].send(_protocol.PONG, 1)
        assert caught.value.host_gone


def test_sending_on_a_closed_descriptor_says_so(pair):
    pair[0]._socket.close()
    with pytest.raises(ConnectionLost) as caught:
        pair[0].send(_protocol.PONG, 1)
    assert not caught.value.host_gone


def test_a_log_record_is_dropped_where_nobody_reads(pair):
    text = b"x" * 10_000
    sent = 0
    while pair[0].send_or_drop(_protocol.LOG, 0, text, 0.01):
        sent += 1
    assert sent > 0
    for _ in range(sent):
        assert pair[1].receive()[2] == text


def test_a_frame_that_is_too_long_is_refused_before_anything_is_sent(pair, monkeypatch):
    limit = _connection.JOINED_BYTES_MAX  # nothing smaller can be too long, so nobody looks
    monkeypatch.setattr(_wire, "FRAME_BYTES_MAX", limit)
    with pytest.raises(ValueError, match="more than a frame holds"):
        pair[0].send(_protocol.RESULT, 1, b"x" * (limit + 1))
    pair[0].send(_protocol.PONG, 2)
    assert pair[1].receive()[1] == 2
