"""Fixtures for tests of the worker; what all tests need."""

from __future__ import annotations

import signal

import pytest
from _worker_kit import WorkerUnderTest

pytest_plugins = ["_flaky"]

# `nohup` ignores the first, a script that starts the build with `&` the others; a program under
# test inherits that.
for _number, _handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture
def start(tmp_path):
    """Starts workers; ``start(source)`` returns one that has said HELLO. None of them survives the
    test.
    """
    started = []

    def starter(source: str, name: str = "adapter.py", **options) -> WorkerUnderTest:
        worker = begin(source, name, **options)
        worker.hello = worker.accept()
        assert "failure" not in worker.hello.value, worker.hello
        return worker

    def begin(source: str | None, name: str = "adapter.py", **options) -> WorkerUnderTest:
        worker = WorkerUnderTest(tmp_path, source, name, **options)
        started.append(worker)
        return worker

    starter.begin = begin
    yield starter
    for worker in started:
        worker.close()
