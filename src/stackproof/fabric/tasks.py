"""Cooperative tasks on real threads: exactly one runs, and the scheduler says which.

A task holds the baton between two suspensions. Breakpoints, coverage and tracebacks work because
the code runs on an ordinary thread. Threads are pooled: starting a task on a warm pool and handing
the baton over and back costs about ten microseconds.
"""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from stackproof.fabric.sources import Source

if TYPE_CHECKING:
    from stackproof.fabric.scheduler import Scheduler

T = TypeVar("T")


class Killed(BaseException):
    """Raised inside a task that was killed; ``except Exception`` of a handler cannot swallow it."""


class Exited(Killed):
    """The code of the task ended its process; ``reason`` as Lambda says it ("" when it ended well)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"its process ended: {reason or 'exit status 0'}")
        self.reason = reason


class Overrun(BaseException):
    """Raised inside a task that held the baton for too many real seconds (see ``watchdog``)."""


class _Here(threading.local):
    task: Task | None = None


_here = _Here()

ENDLESS = "endless loop"
"""The point at which a task stands that was cut."""


def current() -> Task | None:
    """The task that runs on this thread, or None outside of tasks."""
    return _here.task


def _forked() -> None:
    """The child of a fork is a process of its own: nothing in it is the scheduler's, no thread lives."""
    _here.task = None
    _outside.clear()
    _Worker.idle.clear()


os.register_at_fork(after_in_child=_forked)


_starter: list[Callable[[threading.Thread], None]] = []
_outside: list[Source] = []


def start_with(start: Callable[[threading.Thread], None]) -> None:
    """Let ``start`` start the threads of tasks from now on (idempotent). Called outside of tasks."""
    if _starter != [start]:
        _starter[:] = [start]
        _Worker.idle.clear()


def outside(call: Callable[[], T]) -> T:
    """Call what is no code of the user's, in a thread that none of the limits of tasks holds."""
    if current() is None or not _outside:
        return call()
    found: list[T] = []
    _outside[0].run(lambda: found.append(call()))
    return found[0]


class _Worker:
    """A pooled thread that runs one task body after the other."""

    idle: list[_Worker] = []  # noqa: RUF012 - one pool for the process, touched with the baton only

    def __init__(self) -> None:
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.body: Callable[[], None] | None = None
        self.then: Callable[[], None] | None = None
        self.task: Task | None = None
        thread = threading.Thread(target=self._loop, name="stackproof-task", daemon=True)
        if not _outside:
            _outside.append(Source("stackproof-outside"))
        for start in _starter or (threading.Thread.start,):
            start(thread)

    def _loop(self) -> None:
        while True:
            self.gate.acquire()
            body, then, task = self.body, self.then, self.task
            if body is None or then is None or task is None:
                continue
            body()
            self.body = self.then = self.task = None
            if task.overran:  # an exception may still be on its way to this thread
                task.give(then)
                return
            _Worker.idle.append(self)
            then()


class Task:
    """Code of the user that runs under the scheduler.

    ``kind`` is ``invocation``, ``process`` (a polling worker) or ``thread`` (started by a task).
    ``identity`` is what AWS calls are made as; ``facts`` is free for the owner of the task
    (function name, request id, environment …).
    ``busy`` and ``awaits`` tell ``run_until_idle`` whether a process that sleeps has work to come.
    ``renew`` makes a process anew after a restore; without it no snapshot is possible while it is open.
    ``reads`` counts how often the clock was read since anything else happened. ``debugged``: a debugger was
    started in it, real time does not count. ``overran``: it was cut; ``lost``: and cannot be stopped.
    """

    __slots__ = (
        "_gate", "_kill", "_scheduler", "awaits", "busy", "daemon", "debugged", "error", "facts", "fn",
        "identity", "kind", "lost", "name", "on_done", "overran", "parent", "point", "reads", "renew",
        "result", "state", "thread", "wake_value",
    )  # fmt: skip

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        fn: Callable[[], Any],
        *,
        kind: str = "invocation",
        identity: Any = None,
        daemon: bool = False,
        on_done: Callable[[Task], None] | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._gate: Any = None
        self._kill: BaseException | None = None
        self.name = name
        self.fn = fn
        self.kind = kind
        self.identity = identity
        self.daemon = daemon
        self.on_done = on_done
        self.facts: dict[str, Any] = {}
        self.parent: Task | None = None
        self.renew: Callable[[], Task] | None = None
        self.state = "new"
        self.point = "start"
        self.result: Any = None
        self.error: BaseException | None = None
        self.wake_value: Any = None
        self.busy = False
        self.awaits: list[Callable[[], bool]] = []
        self.reads = 0
        self.thread = 0
        self.debugged = self.overran = self.lost = False

    @property
    def root(self) -> Task:
        """The task that started this thread, or the one that started that; itself when no thread."""
        root = self
        while root.parent is not None:
            root = root.parent
        return root

    @property
    def done(self) -> bool:
        """Whether the task returned, raised or was killed."""
        return self.state in ("done", "killed")

    @property
    def rests(self) -> bool:
        """Whether a snapshot may be taken.

        It is a process that can be made anew, or a thread of one, and waits for something to come (a long
        poll, a lock, a sleep) with nothing in its hands. A thread that an invocation left behind rests while
        it waits for work, as a pool's does: its environment is cold after a restore.
        """
        root = self.root
        if root.renew is None:
            return root.done and self.state == "blocked" and self.point == "wait"
        if self.state not in ("new", "blocked", "ready"):
            return False
        if self.point.startswith("sleep"):
            return not root.busy
        return self.state == "new" or self.point == "wait" or self.point.startswith("join ")

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler that runs this task."""
        return self._scheduler

    def kill(self, reason: str = "", error: Killed | None = None) -> None:
        """Let the task end with ``Killed`` where it is suspended (or at once, from inside)."""
        if self.done:
            return
        self._kill = error or Killed(reason or f"{self.name} was killed at {self.point}")
        if current() is self:
            raise self._kill
        if self.state == "new":
            self._finish("killed", error=self._kill)
            return
        if self.state == "blocked":
            self._scheduler.wake(self)

    def check(self) -> None:
        """Raise ``Killed`` (again) when this task was killed: nothing it does counts any more."""
        if self._kill is not None:
            raise self._kill
        if self.overran and self.point != ENDLESS:
            raise Overrun

    def lose(self) -> None:
        """Driver side: its thread cannot be stopped. It is over, and never gets or gives the baton again."""
        self.lost = True
        self.state = "killed"
        self.on_done = None
        self._kill = Killed(f"{self.name} could not be interrupted")

    # Below: called by the scheduler (driver side) and by the task itself (task side).

    def start(self, baton_back: Callable[[], None]) -> None:
        """Driver side: give the task its thread and the baton."""
        if self._gate is not None:
            self.resume()
            return
        worker = _Worker.idle.pop() if _Worker.idle else _Worker()
        self._gate = worker.gate
        worker.body, worker.then, worker.task = self._body, baton_back, self
        self.state = "running"
        worker.gate.release()

    def resume(self) -> None:
        """Driver side: give a suspended task the baton."""
        self.state = "running"
        self._gate.release()

    def suspend(self, baton_back: Callable[[], None]) -> None:
        """Task side: give the baton back and wait until it returns; raises ``Killed``."""
        self.reads = 0
        baton_back()
        self._gate.acquire()
        if self._kill is not None:
            raise self._kill

    def give(self, baton_back: Callable[[], None]) -> None:
        """Task side, at its end: give the baton back, unless the driver has given the task up."""
        if not self.lost:
            baton_back()

    def _body(self) -> None:
        _here.task = self
        self.thread = _thread.get_ident()
        try:
            self._run()
        finally:
            _here.task = None

    def _run(self) -> None:
        if self._kill is not None:
            self._finish("killed", error=self._kill)
            return
        result, error = None, None
        try:
            result = self._result()
        except BaseException as raised:  # noqa: BLE001 - the boundary of foreign code: its error is data
            error = raised
        if self._kill is not None or isinstance(error, Killed):
            # A bare ``except:`` of a handler may have swallowed it, which saves no lost machine.
            self._finish("killed", error=self._kill or error)
        else:
            self._finish("done", result=result, error=error)

    def _result(self) -> Any:
        """What ``fn`` answers. A task that was cut never answers: in virtual time it goes on for ever."""
        try:
            result = self.fn()
        except Overrun:
            result = None
        if self.overran:
            if self.root.kind == "process":
                raise Overrun(f"{self.name} never yields")
            self.point = ENDLESS
            while True:
                self._scheduler.block(self, ENDLESS)
        return result

    def _finish(self, state: str, result: Any = None, error: BaseException | None = None) -> None:
        if self.lost:
            return
        self.state = state
        self.result = result
        self.error = error

    def attach(self, gate: Any) -> None:
        """Let a real thread that already waits at ``gate`` be the thread of this task."""
        self._gate = gate

    def run_attached(self, baton_back: Callable[[], None]) -> None:
        """The body of an attached thread: wait for the baton, run, give it back."""
        self._gate.acquire()
        self._body()
        self.give(baton_back)


def chained(first: Callable[[Task], None] | None, then: Callable[[Task], None]) -> Callable[[Task], None]:
    """An ``on_done`` that tells ``first`` (when there is one) and ``then``."""

    def both(task: Task) -> None:
        if first is not None:
            first(task)
        then(task)

    return both
