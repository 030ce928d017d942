"""Real time for a task that holds the baton: a loop that never yields is cut.

The driver waits for the baton at most ``limit()`` real seconds; those in which the whole machine stood still
do not count. Then the child processes that the task started are killed (it may wait for one) and ``Overrun``
is raised in the task's thread, again and again until it yields: in virtual time its code never ends, so an
invocation stands still until Lambda's timeout. A thread that cannot be interrupted (it waits in C code, or
catches everything) is given up after ``GRACE`` seconds: the driver raises ``UsageError`` that names it. A
KeyboardInterrupt ends the wait at once. C code that keeps the interpreter's lock (a regular expression)
stops the driver too: nothing can cut it.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from stackproof.errors import UsageError
from stackproof.fabric import offspring
from stackproof.fabric.tasks import Overrun, Task

VARIABLE = "STACKPROOF_REAL_LIMIT"
LIMIT = 30.0
"""Real seconds that a task may run between two suspensions, unless configured."""
GRACE = 5.0
"""Real seconds until an interrupted task must have yielded."""
_BETWEEN = 0.05
_PIECES = 50
_ON_INTERRUPT = 1.0
_DEBUGGERS = ("pydevd", "_pydevd_bundle", "debugpy")

_monotonic = time.monotonic
_configured: list[float] = []


def configure(seconds: float | None) -> None:
    """Set the limit of this process; None takes it back. 0 stands for no limit."""
    _configured[:] = [] if seconds is None else [seconds]


def limit() -> float:
    """Real seconds, 0 for none: ``STACKPROOF_REAL_LIMIT``, else what was configured, else 30.

    Raises ``UsageError`` for a variable that is no number.
    """
    told = os.environ.get(VARIABLE, "")
    if not told:
        return _configured[0] if _configured else LIMIT
    return parsed(told, VARIABLE)


def parsed(text: str, name: str) -> float:
    """A limit as a user wrote it. Raises ``UsageError``."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{name} is '{text}'", hint="real seconds, 0 for no limit")
    return seconds


def wait(gate: Any, task: Task, seconds: float, on_overrun: Callable[[Task, float], None]) -> None:
    """Driver side: take the baton that ``task`` holds. ``on_overrun`` is told before the task is cut."""
    try:
        if not seconds:
            gate.acquire()
            return
        while not _taken(gate, seconds):
            if not _debugged(task):
                on_overrun(task, seconds)
                _cut(gate, task, seconds, GRACE)
                return
    except KeyboardInterrupt:
        if not task.lost:
            _interrupted(gate, task, seconds)
        raise


def _taken(gate: Any, seconds: float) -> bool:
    """Wait in short pieces: a machine that stands still lengthens one of them, and it counts as one."""
    return any(gate.acquire(timeout=seconds / _PIECES) for _ in range(_PIECES))


def _interrupted(gate: Any, task: Task, seconds: float) -> None:
    try:
        _cut(gate, task, seconds, _ON_INTERRUPT)
    except UsageError:
        return  # it is lost; the interrupt says enough


def _debugged(task: Task) -> bool:
    return task.debugged or any(name in sys.modules for name in _DEBUGGERS)


def _cut(gate: Any, task: Task, seconds: float, grace: float) -> None:
    """Raise ``Overrun`` in the task's thread until the baton is back."""
    end = _monotonic() + grace
    task.overran = True
    offspring.kill(task.facts.get("children", ()))
    while _monotonic() < end:
        if task.state == "running":
            _raise_in(task.thread, Overrun)
        if gate.acquire(timeout=_BETWEEN):
            _raise_in(task.thread, None)
            return
    task.lose()
    raise UsageError(
        f"{task.name} ran for more than {seconds:g} real seconds and cannot be interrupted{_place(task)}: "
        "it waits in C code, or catches every exception",
        hint=f"its thread was given up; {VARIABLE} sets the limit",
    )


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    raised = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _place(task: Task) -> str:
    """Where the user's code stands: the innermost frame below the environment's folders, else any."""
    frame = sys._current_frames().get(task.thread)
    view = task.facts.get("view")
    roots = view.roots if view is not None else ()
    here = frame
    while here is not None and not (roots and here.f_code.co_filename.startswith(roots)):
        here = here.f_back
    here = here or frame
    return "" if here is None else f" (in {here.f_code.co_name}, {here.f_code.co_filename}:{here.f_lineno})"
