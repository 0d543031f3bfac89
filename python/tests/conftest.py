"""Fixtures for tests of the worker."""

from __future__ import annotations

import pytest
from _worker_kit import WorkerProcess


@pytest.fixture
def start(tmp_path):
    """Starts workers; ``start(source)`` returns one that has said HELLO. None of them survives the
    test.
    """
    started = []

    def starter(source: str, name: str = "adapter.py", **options) -> WorkerProcess:
        worker = begin(source, name, **options)
        worker.hello = worker.accept()
        assert "failure" not in worker.hello.value, worker.hello
        return worker

    def begin(source: str | None, name: str = "adapter.py", **options) -> WorkerProcess:
        worker = WorkerProcess(tmp_path, source, name, **options)
        started.append(worker)
        return worker

    starter.begin = begin
    yield starter
    for worker in started:
        worker.close()
