"""The machine as tasks see it: process ids, processor time, clocks, ``os.getrandom``, the host's name.

All of them differ from process to process, and what a handler writes down of them would stand in the journal.
Computing takes no virtual time, so processor time stands still at 0. What stays the machine's own: ``id()``
and with it ``repr(object())``, thread identifiers, ``hash()`` of strings (``PYTHONHASHSEED``), ``os.uname``.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from stackproof.fabric.tasks import Task, current

PID, PARENT = 9, 1
"""A function's process on Lambda has a small number, and the runtime's bootstrap started it."""
HOST = "169.254.100.6"
"""What ``socket.gethostname`` answers on Lambda has this form."""

_real_getrandom: Any = getattr(os, "getrandom", None)
_real_gettime, _real_gettime_ns = time.clock_gettime, time.clock_gettime_ns
_ELAPSED = frozenset(
    getattr(time, name)
    for name in ("CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_BOOTTIME", "CLOCK_UPTIME_RAW")
    if hasattr(time, name)
)
_COMPUTED = frozenset(
    getattr(time, name)
    for name in ("CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID")
    if hasattr(time, name)
)


def _virtual() -> Task | None:
    """The running task, when its world has a virtual clock."""
    task = current()
    return None if task is None or task.scheduler.clock.real else task


def _in_tasks(real: Callable[..., Any], answer: Callable[[], Any]) -> Callable[..., Any]:
    def shim(*args: Any) -> Any:
        return real(*args) if _virtual() is None else answer()

    shim.__name__ = real.__name__
    return shim


def _times() -> os.times_result:
    return os.times_result((0.0, 0.0, 0.0, 0.0, time.monotonic()))


def _gettime(clock: int, /) -> float:
    if _virtual() is not None and clock in _ELAPSED:
        return time.monotonic()
    return 0.0 if _virtual() is not None and clock in _COMPUTED else _real_gettime(clock)


def _gettime_ns(clock: int, /) -> int:
    if _virtual() is not None and clock in _ELAPSED:
        return time.monotonic_ns()
    return 0 if _virtual() is not None and clock in _COMPUTED else _real_gettime_ns(clock)


def _getrandom(size: int, flags: int = 0) -> bytes:
    return _real_getrandom(size, flags) if current() is None else os.urandom(size)


_installed: list[bool] = []


def install() -> None:
    """Put the shims in place (idempotent)."""
    if _installed:
        return
    _installed.append(True)
    system: Any = os
    clock: Any = time
    for name in ("process_time", "thread_time"):
        setattr(clock, name, _in_tasks(getattr(time, name), lambda: 0.0))
        setattr(clock, f"{name}_ns", _in_tasks(getattr(time, f"{name}_ns"), lambda: 0))
    clock.clock_gettime, clock.clock_gettime_ns = _gettime, _gettime_ns
    system.times = _in_tasks(os.times, _times)
    system.getpid = _in_tasks(os.getpid, lambda: PID)
    system.getppid = _in_tasks(os.getppid, lambda: PARENT)
    if _real_getrandom is not None:
        system.getrandom = _getrandom
    names: Any = socket
    names.gethostname = _in_tasks(socket.gethostname, lambda: HOST)
