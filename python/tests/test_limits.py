"""The number of a user's processes, which binds nobody with privileges: in a child that has none."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from terrarium import _limits

HOME = str(Path(_limits.__file__).parent.parent)


def as_somebody(code: str) -> str:
    """Runs Python code as a user who has nothing else running, and no privileges."""
    uid = 1_000_000 + os.getpid() + time.monotonic_ns() % 1_000_000
    drop = f"import os; os.setgroups([]); os.setresgid({uid}, {uid}, {uid})\n"
    drop += f"os.setresuid({uid}, {uid}, {uid})\n"
    # Imported before: afterwards it may not be readable any more.
    text = f"import json, signal, sys; sys.path.insert(0, {HOME!r})\n"
    text += f"from terrarium import _limits\n{drop}{code}"
    return subprocess.run(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")


@needs_root
def test_who_starts_more_processes_than_its_user_may_gets_an_error():
    said = as_somebody("""
_limits.check({"processes": 3})
_limits.apply({"processes": 3})
pids, code = [], 0
try:
    while len(pids) < 10:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        pids.append(pid)
except OSError as error:
    code = error.errno
for pid in pids:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
print(json.dumps([len(pids), code]))
""")
    assert json.loads(said) == [2, errno.EAGAIN]


@needs_root
def test_root_is_told_that_it_would_not_be_bound():
    with pytest.raises(ValueError, match="RLIMIT_NPROC does not bind root"):
        _limits.check({"processes": 100})


@needs_root
def test_so_is_root_in_a_user_namespace_who_is_root_outside_as_well():
    launcher = ["unshare", "--user", "--map-root-user", sys.executable, "-c"]
    if subprocess.run([*launcher, ""], capture_output=True, check=False).returncode != 0:
        pytest.skip("user namespaces are switched off")
    code = f"import sys; sys.path.insert(0, {HOME!r})\n"
    code += "from terrarium import _limits; _limits.check({'processes': 100})"
    done = subprocess.run([*launcher, code], capture_output=True, text=True, check=False)
    assert "RLIMIT_NPROC does not bind root" in done.stderr


def test_users_have_other_numbers_outside_of_a_user_namespace():
    rootless = [b"0", b"1000", b"1", b"1", b"100000", b"65536"]
    outside = [_limits._outside(uid, rootless) for uid in (0, 1, 65536, 65537)]
    assert outside == [1000, 100000, 165535, None]


@needs_root
def test_an_ordinary_user_may_ask():
    assert as_somebody("_limits.check({'processes': 100}); print('fine')") == "fine\n"


def test_cpu_time_that_the_hard_limit_ends_has_no_second_more():
    code = (
        f"import sys; sys.path.insert(0, {HOME!r})\n"
        "import resource\nfrom terrarium import _limits\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (50, 50))\n"
        "_limits.check({'cpu_seconds': 50}); _limits.apply({'cpu_seconds': 50})\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert said == "(50, 50)\n"


def test_the_names_are_those_of_the_kernel():
    numbers = {key: limit.number for key, limit in _limits.LIMITS.items()}
    assert numbers == {
        "address_space": resource.RLIMIT_AS,
        "open_files": resource.RLIMIT_NOFILE,
        "processes": resource.RLIMIT_NPROC,
        "cpu_seconds": resource.RLIMIT_CPU,
    }
