"""Threads and locks of handlers: cooperative under the scheduler.

A lock made inside a task blocks the task, not the thread; a thread started inside a task runs as a
task of its own (kind ``thread``). Everything in ``threading``, ``queue`` and ``concurrent.futures``
is built on these.
"""

from __future__ import annotations

import _thread
import errno
import importlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

from stackproof.fabric.tasks import Task, current

_real_lock = threading.Lock
_real_rlock = threading.RLock
_real_start = threading.Thread.start
_real_join = threading.Thread.join
_real_init = threading.Thread.__init__
_real_simple_queue = queue.SimpleQueue
_plain = threading.local()


class CooperativeLock:
    """A lock that suspends the task that waits for it. ``reentrant`` makes it an RLock."""

    def __init__(self, reentrant: bool = False) -> None:
        self._reentrant = reentrant
        self._owner: Any = None
        self._count = 0
        self._waiters: list[Task] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As ``threading.Lock.acquire``; the timeout is virtual."""
        me: Any = current() or _thread.get_ident()
        if self._count and self._reentrant and self._owner == me:
            self._count += 1
            return True
        if self._count and (not blocking or not self._wait(timeout)):
            return False
        self._owner, self._count = me, 1
        return True

    def _wait(self, timeout: float) -> bool:
        task = current()
        if task is None:
            raise RuntimeError("a lock of a handler is held by a suspended task")
        self._waiters.append(task)
        try:
            seconds = timeout if timeout >= 0 else 365 * 86400.0
            return task.scheduler.wait(lambda: not self._count, seconds, drives=timeout >= 0)
        finally:
            self._waiters.remove(task)

    def release(self) -> None:
        """As ``threading.Lock.release``."""
        if not self._count:
            raise RuntimeError("release unlocked lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            waiting = [task for task in self._waiters if task.state == "blocked"]
            if waiting:
                scheduler = waiting[0].scheduler
                scheduler.wake(scheduler.choose("lock", waiting, [task.name for task in waiting]))

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return bool(self._count)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()

    # ``threading.Condition`` asks an RLock for these.

    def _is_owned(self) -> bool:
        return bool(self._count) and (
            not self._reentrant or self._owner == (current() or _thread.get_ident())
        )

    def _release_save(self) -> tuple[int, Any]:
        state = (self._count, self._owner)
        self._count = 1
        self.release()
        return state

    def _acquire_restore(self, state: tuple[int, Any]) -> None:
        self.acquire()
        self._count, self._owner = state

    def _at_fork_reinit(self) -> None:
        self._count, self._owner = 0, None


def _cooperative() -> bool:
    return current() is not None and not getattr(_plain, "on", False)


def _lock() -> Any:
    return CooperativeLock() if _cooperative() else _real_lock()


def _rlock(*args: Any, **kwargs: Any) -> Any:
    return CooperativeLock(reentrant=True) if _cooperative() else _real_rlock(*args, **kwargs)


class _Factory:
    """Stands for a C type: kept as a class attribute it must not become a method."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._make(*args, **kwargs)


_lock_factory = _Factory(_lock)
_rlock_factory = _Factory(_rlock)


def _simple_queue() -> Any:
    return queue.Queue() if _cooperative() else _real_simple_queue()


def _with_plain_locks(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    before, _plain.on = getattr(_plain, "on", False), True
    try:
        function(*args, **kwargs)
    finally:
        _plain.on = before


def _init(self: threading.Thread, *args: Any, **kwargs: Any) -> None:
    """A thread's own bookkeeping uses plain locks."""
    _with_plain_locks(_real_init, self, *args, **kwargs)


def _start(self: threading.Thread) -> None:
    parent = current()
    if parent is None:
        _real_start(self)
        return
    run = self.run
    scheduler = parent.scheduler
    task = Task(scheduler, f"{parent.name}/{self.name}", run, kind="thread", identity=parent.identity,
                daemon=parent.daemon)  # fmt: skip
    task.parent = parent
    task.facts = parent.facts
    task.on_done = _report(self)
    gate = _thread.allocate_lock()
    gate.acquire()
    task.attach(gate)
    self._stackproof_task = task  # type: ignore[attr-defined]
    self.run = lambda: task.run_attached(scheduler.baton_back)  # type: ignore[method-assign]
    _with_plain_locks(_real_start, self)
    scheduler.spawn(task)


def _report(thread: threading.Thread) -> Callable[[Task], None]:
    def report(task: Task) -> None:
        if task.error is not None and task.state == "done":
            args = (type(task.error), task.error, task.error.__traceback__, thread)
            threading.excepthook(threading.ExceptHookArgs(args))

    return report


def _join(self: threading.Thread, timeout: float | None = None) -> None:
    task = getattr(self, "_stackproof_task", None)
    if task is not None and current() is not None and not task.done:
        if timeout is None:
            task.scheduler.join(task)
        else:
            task.scheduler.wait_task(task, timeout)
        if not task.done:
            return
    _real_join(self, timeout)


_processes: Any = importlib.import_module("_multiprocessing")
_real_semaphore: Any = _processes.SemLock


class _Semaphore(_real_semaphore):  # type: ignore[misc]
    """Lambda has no ``/dev/shm``: locks, queues and pools of ``multiprocessing`` cannot be made there."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if current() is not None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        return _real_semaphore(*args, **kwargs)


def install() -> None:
    """Put the shims in place (idempotent)."""
    if threading.Lock is _lock_factory:
        return
    module: Any = threading
    module.Lock = module._allocate_lock = _lock_factory
    module.RLock = _rlock_factory
    thread: Any = threading.Thread
    thread.__init__, thread.start, thread.join = _init, _start, _join
    _processes.SemLock = _Semaphore
    queues: Any = queue
    queues.SimpleQueue = _simple_queue
