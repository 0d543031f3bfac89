"""A PID namespace for a pool: what is started in it cannot leave it, and the kernel ends all of it
with its first process.

The process that the JVM starts makes the namespace and becomes its *holder*; the first process
inside goes on as the pool's warden. Whoever dies, the kernel does the rest, and nobody has to be
awake for it:

    JVM -- lifeline --> holder -- death signal --> warden -- end of its namespace --> all inside

The lifeline cannot reach the warden itself: a signal of that kind is not delivered to a
namespace's first process. The death signal can, because it comes from outside.

Inside, processes have other numbers, and a `/proc` of their own shows them. Where that of the
outside is needed, the warden has it open.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select

from terrarium import _bootstrap, _proc
from terrarium._cpython import signal
from terrarium._warden_link import StartError
from terrarium._wire import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWPID = 0x2000_0000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_REC, _MS_SLAVE = 0x4000, 0x8_0000

_libc = ctypes.CDLL(None, use_errno=True)

_NO_NAMESPACES = (
    "allow unprivileged user namespaces (kernel.unprivileged_userns_clone=1,"
    " kernel.apparmor_restrict_unprivileged_userns=0, and in a container a seccomp filter that lets"
    " unshare pass), or run as root with CAP_SYS_ADMIN"
)
_REMEDIES = {
    errno.EPERM: _NO_NAMESPACES,
    errno.EACCES: _NO_NAMESPACES,
    errno.ENOSPC: "raise user.max_user_namespaces and user.max_pid_namespaces",
    errno.EUSERS: "raise user.max_user_namespaces and user.max_pid_namespaces",
    errno.EINVAL: "this kernel was built without them",
    errno.ENOSYS: "this kernel was built without them",
}
_NO_PROC = (
    "something covers a part of /proc, as container runtimes do: give the container all of it"
    " (docker: --security-opt systempaths=unconfined)"
)


class NotToBeHad(StartError):
    """This machine, or who rules it, has no such namespace for us."""

    status = 3


class Outside:
    """What processes of the namespace are called where the JVM is.

    A pidfd's description shows the number that its process has where the `/proc` belongs to that
    shows it.
    """

    def __init__(self, proc: int) -> None:
        """`proc`: a descriptor of the outer `/proc`."""
        self._proc = proc

    def __call__(self, pid: int) -> int:
        """0 where there is no such process any more."""
        try:
            pidfd = _proc.pidfd_open(pid)
        except ProcessLookupError:
            return 0
        try:
            return max(0, parse_pid(self._describe(pidfd)))
        finally:
            os.close(pidfd)

    def _describe(self, pidfd: int) -> bytes:
        path = f"self/fdinfo/{pidfd}"
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        try:
            return os.read(fd, 4096)
        finally:
            os.close(fd)


def parse_pid(fdinfo: bytes) -> int:
    """-1 where the process is gone."""
    for line in fdinfo.splitlines():
        name, _, value = line.partition(b":")
        if name == b"Pid":
            return int(value)
    raise StartError(
        "this kernel does not describe pidfds: isolation(PID_NAMESPACE) needs Linux 5.10 or newer"
    )


def enter(lifelines: str) -> Callable[[int], int]:
    """Returns in the namespace's first process, with what tells the numbers outside. The caller
    stays behind as the holder, and ends with that process and with its status.
    """
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    # INVARIANT: the holder dies with the JVM before there is anybody inside.
    line = connect(lifelines)
    armed = _bootstrap.arm_lifeline(line)
    _bootstrap.check_lifeline(line)
    make_namespace()
    gate, held = os.pipe()
    first = os.fork()
    if first > 0:
        hold(first)
    for theirs in (line.detach(), armed, held):
        os.close(theirs)
    follow_holder(gate)
    mount_proc()
    return Outside(proc)


def make_namespace() -> None:
    """For the caller's next child; directly with privileges, else by way of a user namespace."""
    try:
        _unshare(_CLONE_NEWPID)
    except PermissionError:
        user, group = os.geteuid(), os.getegid()
        _attempt("user namespace", _unshare, _CLONE_NEWUSER | _CLONE_NEWPID)
        # Each number stands for itself, so that files and processes belong to whom they did.
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            _attempt("user namespace", _write, f"/proc/self/{name}", text)
    except OSError as failure:
        raise _not_to_be_had("PID namespace", failure) from failure


def hold(first: int) -> NoReturn:
    """The holder's life."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        os._exit(code if code >= 0 else 128 - code)
    finally:
        os._exit(1)


def follow_holder(gate: int) -> None:
    """Has the kernel end us with the holder. One that died before that has closed its end of the
    gate.
    """
    _bootstrap.prctl(_bootstrap.PR_SET_PDEATHSIG, signal.SIGKILL)
    closed, _, _ = select.select([gate], [], [], 0)
    os.close(gate)
    if closed:
        raise StartError(
            "the holder of the namespace is gone: somebody has killed it; start the pool again"
        )


def mount_proc() -> None:
    """A `/proc` that shows the processes inside, and nobody but them sees.

    What the host mounts and unmounts later is seen inside as well, but not the other way round.
    """
    _attempt("mount namespace", _unshare, _CLONE_NEWNS)
    _attempt("mount namespace", _mount, b"none", b"/", None, _MS_REC | _MS_SLAVE)
    try:
        _mount(b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    except OSError as failure:
        why = f"no /proc for the PID namespace: {failure.strerror}; {_NO_PROC}"
        raise NotToBeHad(why) from failure


def _attempt(what, action, *arguments) -> None:  # type: ignore[no-untyped-def]
    try:
        action(*arguments)
    except OSError as failure:
        raise _not_to_be_had(what, failure) from failure


def _not_to_be_had(what: str, failure: OSError) -> NotToBeHad:
    remedy = _REMEDIES.get(failure.errno or 0, _NO_NAMESPACES)
    return NotToBeHad(f"no {what}: {failure.strerror}; {remedy}")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)))


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    _check(_libc.mount(source, target, kind, ctypes.c_ulong(flags), None))


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
