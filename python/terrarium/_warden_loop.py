"""The warden's loop: what the JVM asks, what workers print, who has died, and whether the JVM still
lives.

Every handler does a bounded piece of work and comes back, so that a flood from one side (a print
loop, a hundred deaths, a hundred SPAWNs) delays nobody else for long.
"""

from __future__ import annotations

import os
import select
import sys
import time

from terrarium import _proc, _protocol, _warden_helpers
from terrarium import _selector as selectors
from terrarium._cpython import signal
from terrarium._warden_end import End, remove_sockets
from terrarium._warden_helpers import Helpers
from terrarium._warden_output import Stream
from terrarium._warden_sweep import Sweep
from terrarium._warden_workers import Dump, Pending, Spawner, SpawnError, WorkerProcess, refusal
from terrarium._wire import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from collections.abc import Callable

    from terrarium._warden_link import Link
    from terrarium._warden_memory import Watch

FRAMES_PER_TURN = 8
EXITS_PER_TURN = 64
SHUTDOWN_SECONDS_MAX = 0.8  # the JVM waits for a second, then sweeps itself
FLUSH_SECONDS_MAX = 5.0

_STANDARD_INPUT = 0


class Warden:
    def __init__(
        self,
        config: dict,
        identity: tuple[int, int],
        link: Link,
        host: int,
        wakeup: int,
        open_files: int,
        outside: Callable[[int], int] = int,
    ) -> None:
        """`outside`: what a process is called where the JVM is."""
        self._config = config
        self._hard = config["birthmark"]
        self._link = link
        self._host = host
        self._wakeup = wakeup
        self._enclosed = bool(config.get("pid_namespace"))
        self._audit = _proc.Audit(config["directory"], config["run"])
        self._outside = outside
        self._signaller = _proc.Signaller(self._hard, self._audit, outside)
        self._spawner = Spawner(config, identity, open_files, self._signaller)
        self._sweep = Sweep(self._hard, self._signaller, self._cleared, self._has_adopted)
        self._workers: dict[int, WorkerProcess] = {}  # by number, until CLEARED
        self._by_pid: dict[int, WorkerProcess] = {}  # not reaped yet
        self._helpers = Helpers(self._hard, self._signaller, self._by_pid)
        self._pending = Pending(self._told, self._refused)
        self._dumping: list[WorkerProcess] = []
        self._selector = selectors.Selector()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._more = False  # a handler stopped at its bound and wants to go on
        self._frames_waiting = False
        self._memory: Watch | None = None
        self._gone: str | None = None
        self._shutdown = False
        self._watch_all()

    # ---- the loop

    def run(self) -> int:
        self._write()  # the HELLO
        self._memory = self._look_at_memory()
        while self._gone is None and not self._shutdown:
            self._turn()
        if self._gone is None:
            self._shut_down()
        else:
            self._say(f"{self._gone}; killing everything below")
            self.end_all("host gone")
        return 0

    @staticmethod
    def _look_at_memory() -> Watch:
        """Behind the HELLO, where nobody waits for it. Later a cleaner may have taken the module."""
        from terrarium import _warden_memory

        return _warden_memory.Watch()

    def end_plainly(self) -> None:
        """The same after a mistake of our own, with as little of our own as possible."""
        End(self._hard, self._signaller, "the warden failed", self._wakeup, lambda _: False).run()

    def end_all(self, why: str) -> None:
        """Kills everything, without a limit of time, and removes what the JVM can no longer remove."""
        for worker in self._end_workers(why, 0.0):
            self._end_rest(worker)
        end = self._new_end(why)
        end.kill_groups((worker.pid, worker.ticks) for worker in self._by_pid.values())
        end.run()
        if not self._enclosed:  # else they are the runtime's warden's to remove
            remove_sockets(os.path.dirname(self._config["socket"]))

    def _turn(self) -> None:
        events = self._selector.select(self._timeout())
        # The JVM's end comes before anything else; then exits, before the output that others send.
        for key, _ in sorted(events, key=lambda event: event[0].data):
            handler = self._handlers.get(key.fd)
            if handler is not None:  # an earlier handler of this turn may have closed it
                handler()
            if self._gone is not None:
                return
        if self._frames_waiting:
            self._dispatch()
        if self._more:
            self._exits()
        now = time.monotonic()
        for worker in self._helpers.ripe(now):
            self._end_rest(worker)
        self._sweep.step(now)
        self._finish_dumps(now)
        self._write()

    def _timeout(self) -> float | None:
        if self._frames_waiting or self._more:
            return 0
        dues = [worker.dump.due() for worker in self._dumping if worker.dump is not None]
        dues += [due for due in (self._sweep.due(), self._helpers.due()) if due is not None]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _watch_all(self) -> None:
        self._watch(self._host, lambda: self._host_gone("the host is dead"), order=0)
        self._watch(_STANDARD_INPUT, self._on_input, order=1)
        self._watch(self._wakeup, self._on_child, order=2)
        self._watch(self._link.fileno(), self._on_link, order=3)

    def _watch(self, fd: int, handler: Callable[[], None], order: int = 4) -> None:
        self._selector.register(fd, selectors.EVENT_READ, order)
        self._handlers[fd] = handler

    def _watch_room(self, fd: int, wanted: bool) -> None:
        """Whether there is something to be written to it, too."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
        key = self._selector.get_key(fd)
        if key.events != events:
            self._selector.modify(key.fd, events, key.data)

    def _forget(self, fd: int) -> None:
        if self._handlers.pop(fd, None) is not None:
            self._selector.unregister(fd)

    # ---- the JVM

    def _host_gone(self, why: str) -> None:
        self._gone = why

    def _on_input(self) -> None:
        if not os.read(_STANDARD_INPUT, 1 << 16):
            self._host_gone("standard input ended")

    def _on_link(self) -> None:
        self._write()
        if not self._link.receive():
            self._host_gone("the connection to the host closed")
            return
        self._dispatch()

    def _write(self) -> None:
        self._link.flush()
        if self._link.broken:
            self._host_gone("the connection to the host broke")
            return
        self._watch_room(self._link.fileno(), self._link.waiting)

    def _dispatch(self) -> None:
        try:
            for _ in range(FRAMES_PER_TURN):
                frame = self._link.next_frame()
                self._frames_waiting = frame is not None
                if frame is None:
                    return
                self._obey(*frame)
        except ProtocolError as failure:
            self._host_gone(f"protocol error: {failure}")

    def _obey(self, kind: int, number: int, envelope: dict) -> None:
        if kind == _protocol.SPAWN:
            self._spawn(number, envelope)
        elif kind == _protocol.SHUTDOWN:
            self._shutdown = True
        elif kind == _protocol.DUMP:
            self._start_dump(number)
        elif kind == _protocol.PING:
            self._answer(number)
        else:
            self._signal(kind, number, envelope)

    def _answer(self, number: int) -> None:
        """A sign of life, after whatever there is to be told of those who have died."""
        self._more = True
        self._exits()
        self._link.send(_protocol.PONG, number, {})

    def _signal(self, kind: int, number: int, envelope: dict) -> None:
        worker = self._workers.get(number)
        if worker is None or worker.exited:
            if worker is None and not self._sweep.knows(number):
                self._say(f"a signal for worker {number}, which is not known")
            return
        sig = signal.SIGKILL if kind == _protocol.KILL else envelope.get("signal")
        if not isinstance(sig, int) or not 0 < sig < signal.NSIG:
            self._say(f"worker {number}: {sig!r} is not a signal")
            return
        self._signal_group(worker, sig, str(envelope.get("why", "")))

    def _signal_group(self, worker: WorkerProcess, sig: int, why: str) -> None:
        worker.kill_asked |= sig == signal.SIGKILL
        if sig == signal.SIGKILL:
            self._pending.settle(worker, f"killed before it was forked: {why}")
            if not worker.pid:
                return
        if worker.starting and sig != signal.SIGKILL:
            worker.early_signals.append((sig, why))
            return
        if sig == signal.SIGKILL:  # alone: what it leaves has a moment
            self._helpers.kill([worker], why)
            return
        if sig == signal.SIGTERM and worker.orders is not None:
            self._end_zygote(worker)
            return
        outcome = self._signaller.group(worker.pid, sig, why, worker.ticks)
        if outcome == _proc.Signaller.REFUSED:  # no group of its own yet
            self._signaller.process(worker.pid, sig, why, worker.ticks)

    # ---- workers

    def _spawn(self, number: int, request: dict) -> None:
        try:
            if number in self._workers or self._sweep.knows(number) or number < 1:
                raise SpawnError("request", 0, f"the number {number} is used already")
            zygote = self._zygote_for(request)
            worker = self._spawner.spawn(number, request, zygote)
        except SpawnError as refused:
            self._say(f"worker {number} not started: {refused}")
            self._link.send(_protocol.SPAWN_FAILED, number, refused.envelope)
            return
        self._workers[number] = worker
        if zygote is None:
            self._by_pid[worker.pid] = worker
        else:
            self._pending.add(worker)
            self._watch_orders(zygote)
        if worker.orders is not None:
            self._watch(worker.orders.fileno(), lambda: self._on_orders(worker))
        self._watch(worker.report_fd, lambda: self._on_report(worker))
        self._watch(worker.stacks_fd, lambda: self._on_stacks(worker))
        for stream in worker.streams:
            self._watch_stream(stream)

    def _watch_stream(self, stream: Stream) -> None:
        def pump() -> None:
            if stream.pump(self._link) == 0:
                stream.finish(self._link)
                self._forget(stream.fd)
                stream.close()

        self._watch(stream.fd, pump)

    def _on_report(self, worker: WorkerProcess) -> None:
        ended = worker.read_report()
        self._pending.look(worker)
        if not ended:
            return
        self._forget(worker.report_fd)
        worker.close_report()
        if worker.refusal is not None:
            self._sweep.worker_died(worker.number, set())
        elif not worker.pid:
            self._pending.give_up(worker, worker.failure() or refusal("nobody told its pid"))
        elif worker.failure() is None:  # else its exit tells
            self._started(worker)  # the pipe closed without a word of failure

    def _started(self, worker: WorkerProcess) -> None:
        worker.starting = False
        worker.outer_pid = self._outside(worker.pid)
        envelope = {"pid": worker.outer_pid, "ticks": worker.ticks}
        self._link.send(_protocol.SPAWNED, worker.number, envelope)
        for sig, why in worker.early_signals:
            self._signal_group(worker, sig, why)
        worker.early_signals.clear()

    def _on_stacks(self, worker: WorkerProcess) -> None:
        if not worker.read_stacks():
            self._forget(worker.stacks_fd)

    # ---- zygotes

    def _zygote_for(self, request: dict) -> WorkerProcess | None:
        """None for fork and exec."""
        if request.get("via", "exec") == "exec":
            return None
        zygote = self._workers.get(request.get("zygote", 0))
        orders = None if zygote is None or zygote.exited else zygote.orders
        if orders is None or orders.over or orders.ended:
            raise SpawnError("zygote", 0, f"there is no zygote {request.get('zygote')}")
        return zygote

    def _watch_orders(self, zygote: WorkerProcess) -> None:
        orders = zygote.orders
        if orders is not None and orders.fileno() in self._handlers:
            self._watch_room(orders.fileno(), orders.waiting)

    def _on_orders(self, zygote: WorkerProcess) -> None:
        """It has room for orders, or something to say, or has closed its end on its way out."""
        orders = zygote.orders
        if orders is None:
            return
        orders.flush()
        said = orders.receive()
        if said is not None:
            found: dict = {
                key: [str(each) for each in said.get(key, [])] for key in ("threads", "descriptors")
            }
            found["ends"] = any(found.values()) or bool(said.get("ends"))
            self._link.send(_protocol.ZYGOTE_READY, zygote.number, found)
            if found["ends"]:
                self._end_zygote(zygote)
        if orders.ended:
            self._forget(orders.fileno())
            # Its death may not be seen for long, where somebody traces it.
            self._pending.zygote_ended(zygote.number, "died")
        else:
            self._watch_orders(zygote)

    def _end_zygote(self, zygote: WorkerProcess) -> None:
        """It forks nobody any more, waits until those that it has forked are gone, and runs its exit
        handlers. SIGTERM would leave these out, or be heard by a handler of the user's.
        """
        if zygote.orders is not None and not zygote.orders.over:
            zygote.orders.end()
            self._watch_orders(zygote)
            self._pending.zygote_ended(zygote.number, "ended")

    def _told(self, worker: WorkerProcess) -> None:
        self._by_pid[worker.pid] = worker

    def _refused(self, worker: WorkerProcess) -> None:
        """`SPAWN_FAILED` follows when nobody can fork it any more (then its report ends), and nothing
        bears its number.
        """
        if worker.report_fd < 0:
            self._sweep.worker_died(worker.number, set())

    # ---- exits

    def _on_child(self) -> None:
        try:
            os.read(self._wakeup, 1 << 12)
        except BlockingIOError:
            pass  # an earlier turn took it
        self._more = True

    def _exits(self) -> None:
        self._more = False
        for count, info in enumerate(_proc.exits(self._helpers.kept), 1):
            if not self._worker_exited(info.si_pid):
                self._stray_exited(info)
            if count == EXITS_PER_TURN:
                self._more = True
                break
        self._sweep.chase()

    def _worker_exited(self, pid: int) -> bool:
        """False where the child is no worker."""
        if pid not in self._by_pid:
            self._pending.look_at_all()
        worker = self._by_pid.get(pid)
        if worker is None:
            return False
        if worker.starting and not self._settle_start(worker):
            return True
        stays = self._helpers.stay(worker)
        if not stays:
            self._kill_rest(worker)
        for stream in worker.streams:
            stream.drain(self._link)
            stream.finish(self._link)
        if worker.dump is not None:
            worker.read_stacks()
            self._finish_dump(worker)
        if worker.orders is not None and not worker.orders.ended:
            self._on_orders(worker)  # its last word, if that has not been read
        self._say_exited(worker, *_proc.how_it_died(pid))
        if stays:
            self._helpers.keep(worker)
        else:
            self._bury(worker)
        return True

    def _kill_rest(self, worker: WorkerProcess) -> None:
        """What a dead worker has left. Its number is still its own."""
        self._signaller.group(worker.pid, signal.SIGKILL, "its leader is dead", worker.ticks)
        if worker.bounds is not None:
            worker.strays.update(worker.bounds.kill(f"what dead worker {worker.number} left"))

    def _end_rest(self, worker: WorkerProcess) -> None:
        """Its helpers have had their moment."""
        self._helpers.forget(worker)
        if not worker.exited:  # it got SIGKILL, and is not dead yet
            self._signaller.group(worker.pid, signal.SIGKILL, "its leader is stuck", worker.ticks)
            return
        self._kill_rest(worker)
        self._bury(worker)
        self._more = True  # others may have died unseen

    def _bury(self, worker: WorkerProcess) -> None:
        """Reaps it. From now on nothing but the mark tells its strays."""
        os.waitpid(worker.pid, 0)
        self._helpers.forget(worker)
        del self._by_pid[worker.pid]
        self._sweep.worker_died(worker.number, worker.strays)

    def _settle_start(self, worker: WorkerProcess) -> bool:
        """A worker died before its bootstrap's report was read: it is read now.

        False where it never started.
        """
        if worker.report_fd >= 0:
            worker.read_report()
            self._forget(worker.report_fd)
            worker.close_report()
        failure = worker.failure()
        if failure is None:
            self._started(worker)
            return True
        os.waitpid(worker.pid, 0)
        self._by_pid.pop(worker.pid)
        self._helpers.forget(worker)
        self._remove(worker)
        self._link.send(_protocol.SPAWN_FAILED, worker.number, failure)
        return False

    def _say_exited(
        self, worker: WorkerProcess, status: int, usage: resource.struct_rusage
    ) -> None:
        worker.exited = True
        signalled = os.WIFSIGNALED(status)
        envelope = {
            "pid": worker.outer_pid,
            "code": None if signalled else os.WEXITSTATUS(status),
            "signal": os.WTERMSIG(status) if signalled else None,
            "core": os.WCOREDUMP(status),
            "cpu_ms": round((usage.ru_utime + usage.ru_stime) * 1000),
            "max_rss_kib": usage.ru_maxrss,
            "stderr": worker.tail.text(),
        }
        if not (worker.kill_asked or self._shutdown or self._gone):
            self._blame(worker, envelope)
        self._link.send(_protocol.EXITED, worker.number, envelope)
        # A death by lifeline or PDEATHSIG is nobody's signal; this is its trace.
        self._audit.write(
            target="exit", worker=worker.name, pid=worker.outer_pid, ticks=worker.ticks,
            how=_proc.how_ended(status),
        )  # fmt: skip
        if worker.orders is not None:
            self._pending.zygote_ended(worker.number, "died")
            worker.orders.drop()

    def _blame(self, worker: WorkerProcess, exited: dict) -> None:
        """Adds what a worker died of that did not die of its own doing."""
        if worker.bounds is not None:
            worker.bounds.blame(exited)
        if (
            exited["signal"] == signal.SIGKILL
            and "limit" not in exited
            and self._memory is not None
        ):
            exited["limit"] = self._memory.explain(exited["max_rss_kib"])

    def _stray_exited(self, info: os.waitid_result) -> None:
        """An adopted child. Its birthmark is read while it is a zombie: it says whose it was."""
        pid = info.si_pid
        number = _proc.number_of(pid, self._hard)
        stat = _proc.read_stat(pid)
        os.waitpid(pid, 0)
        self._helpers.stray_died()
        if number is None or stat is None:
            return
        killed = info.si_code == os.CLD_KILLED and info.si_status == signal.SIGKILL
        worker = self._workers.get(number)
        if self._sweep.knows(number):
            self._sweep.stray_died(pid, stat.ticks, number, killed)
        elif killed and worker is not None and (worker.kill_asked or worker.exited):
            worker.strays.add((pid, stat.ticks))

    def _has_adopted(self) -> bool:
        return any(pid not in self._by_pid for pid in _proc.children())

    def _cleared(self, number: int, strays: int) -> None:
        worker = self._workers[number]
        for stream in worker.streams:
            stream.drain(self._link)
            stream.finish(self._link)
        self._remove(worker)
        if worker.refusal is None:
            self._link.send(_protocol.CLEARED, number, {"strays": strays})
        else:
            self._say(f"worker {number} not started: {worker.refusal.get('message')}")
            self._link.send(_protocol.SPAWN_FAILED, number, worker.refusal)

    def _remove(self, worker: WorkerProcess) -> None:
        for fd in (worker.report_fd, worker.stacks_fd, *(stream.fd for stream in worker.streams)):
            self._forget(fd)
        if worker.orders is not None:
            self._forget(worker.orders.fileno())
        worker.close()
        del self._workers[worker.number]

    # ---- stacks

    def _start_dump(self, number: int) -> None:
        worker = self._workers.get(number)
        if worker is None or worker.exited or worker.starting:
            self._link.send(_protocol.DUMPED, number, {"stacks": ""})
        elif worker.dump is not None:
            worker.dump.asked += 1
        else:
            worker.read_stacks()  # what is older than the question is no answer
            worker.dump = Dump(time.monotonic())
            self._dumping.append(worker)
            if worker.orders is None:
                self._signaller.process(worker.pid, signal.SIGWINCH, "stacks", worker.ticks)
            else:  # what hangs may be the intermediate process: the same pipe
                self._signaller.group(worker.pid, signal.SIGWINCH, "stacks", worker.ticks)

    def _finish_dumps(self, now: float) -> None:
        for worker in list(self._dumping):
            if worker.dump is not None and worker.dump.due() <= now:
                self._finish_dump(worker)

    def _finish_dump(self, worker: WorkerProcess) -> None:
        dump, worker.dump = worker.dump, None
        self._dumping.remove(worker)
        if dump is not None:
            text = dump.text.decode("utf-8", "replace")
            for _ in range(dump.asked):
                self._link.send(_protocol.DUMPED, worker.number, {"stacks": text})

    # ---- the end

    def _end_workers(self, why: str, seconds: float) -> list[WorkerProcess]:
        """Kills the workers before all else, and gives what they leave behind so long, trackers
        `TRACKER_SECONDS` more. Those that are dead then, and not reaped.
        """
        self._helpers.keep_all()
        try:
            self._helpers.kill(self._by_pid.values(), why)
            self._collect(seconds)
            if self._helpers.kill_all_but_trackers(why):
                self._collect(_warden_helpers.TRACKER_SECONDS)
        except OSError as failure:  # no descriptor or memory free: no moment for anybody
            self._say(f"at the end: {failure}")
        return self._helpers.close()

    def _collect(self, seconds: float) -> None:
        """Takes in the dead for so long, or until nobody lives."""
        deadline = time.monotonic() + seconds
        while True:
            self._exits()
            left = deadline - time.monotonic()
            if left <= 0 or all(pid in self._helpers.kept for pid in _proc.children()):
                return
            if not self._more:
                select.select([self._wakeup], [], [], left)
                self._on_child()

    def _new_end(self, why: str) -> End:
        # A tree holds workers of other wardens, too. Of a namespace nothing is left either way.
        cgroups = None if self._enclosed else self._spawner.cgroups
        return End(self._hard, self._signaller, why, self._wakeup, self._worker_exited, cgroups)

    def _shut_down(self) -> None:
        """Kills what is left and reports.

        What cannot be killed yet is reported too, and not abandoned.
        """
        deadline = time.monotonic() + SHUTDOWN_SECONDS_MAX
        for worker in self._end_workers("shutdown", _warden_helpers.HELPER_SECONDS):
            self._bury(worker)
        end = self._new_end("shutdown")
        left = end.run(deadline)
        if not left:
            self._sweep.finish()
        killed = self._helpers.count + end.killed
        self._link.send(_protocol.REPORT, 0, {"killed": killed, "left": left})
        self._link.flush_all(self._host, FLUSH_SECONDS_MAX)
        if left:
            end.run()

    def _say(self, text: str) -> None:
        try:
            print(f"terrarium warden: {text}", file=sys.stderr, flush=True)
        except OSError:
            pass  # a full disk costs a word, not the warden with all its workers
