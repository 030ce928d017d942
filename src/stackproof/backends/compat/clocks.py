"""Time for tasks: ``time``, ``datetime``, ``sleep`` and the monotonic clocks show the virtual clock.

``time.time`` and ``datetime.now`` are C functions that many modules have already imported by name:
time-machine replaces them in place, and is switched on only while a task (or a call into moto)
runs, so that the test's own thread keeps the real time. The others are module attributes.
"""

from __future__ import annotations

import os
import queue
import sched
import select
import selectors
import subprocess
import threading
import time
import types
from collections.abc import Callable
from typing import Any

import time_machine

from stackproof.errors import UsageError
from stackproof.fabric.clock import Clock
from stackproof.fabric.tasks import Task, current

_real_sleep = time.sleep
_real: dict[str, Callable[[], Any]] = {
    name: getattr(time, name) for name in ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
}


_SINCE = time.time() - time.monotonic()


def wall_ms() -> int:
    """The real time in milliseconds since the Unix epoch, wherever this is called."""
    return int((_real["monotonic"]() + _SINCE) * 1000)


def wait(seconds: float) -> None:
    """Sleep in real time, wherever this is called."""
    if seconds > 0:
        _real_sleep(seconds)


class _Zone:
    """UTC while a task or moto runs, whatever the machine keeps: functions have no other, and moto asks."""

    def __init__(self) -> None:
        self._depth = 0
        self._away = False

    def enter(self) -> None:
        self._depth += 1
        if self._depth == 1 and (time.timezone or time.daylight):
            self._away = True
            os.putenv("TZ", "UTC")
            time.tzset()

    def leave(self) -> None:
        self._depth -= 1
        if self._depth == 0 and self._away:
            self._away = False
            # A view may be in place yet: what ``os.environ`` shows is then the function's.
            before = _HOST.get(b"TZ")
            os.unsetenv("TZ") if before is None else os.putenv("TZ", before)
            time.tzset()


_HOST: dict[bytes, bytes] = getattr(os.environ, "_data")  # noqa: B009 - private
"""The process's own variables."""
zone = _Zone()


class _Travel:
    """Switches virtual time on and off; nested uses only move it, when the clock moved."""

    def __init__(self) -> None:
        self._depth = 0
        self._ms = 0
        self._travel: Any = None
        self._traveller: Any = None

    def enter(self, clock: Clock) -> None:
        if self._depth == 0:
            self._start(clock)
        self._depth += 1
        self.move(clock)

    def _start(self, clock: Clock) -> None:
        travel = time_machine.travel(clock.ms / 1000, tick=False)
        try:
            traveller = travel.start()
        except RuntimeError as error:
            raise UsageError(
                "freezegun cannot be used together with the fabric: its freeze_time is active while code of "
                "the fabric runs",
                hint="the fabric has a clock of its own: move it with fabric.advance(seconds)",
            ) from error
        zone.enter()
        self._ms, self._travel, self._traveller = clock.ms, travel, traveller
        told = traveller.time_ns
        counting: Any = traveller
        counting.time_ns = lambda: _counted(told)

    @property
    def nested(self) -> bool:
        """Whether foreign code (moto) reads the time on behalf of a task."""
        return self._depth > 1

    def move(self, clock: Clock) -> None:
        if self._depth and clock.ms != self._ms:
            self._ms = clock.ms
            self._traveller.move_to(clock.ms / 1000)

    def leave(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._travel.stop()
            zone.leave()


travel = _Travel()

_READS = 1000
"""Readings of the clock without anything else happening after which each moves it: it is waited for."""


def _counted(told: Callable[[], int]) -> int:
    _read()
    return told()


def _read() -> None:
    """A task reads the clock. Busy waiting ends: the steps grow, so that minutes do not take minutes."""
    task = current()
    if task is None or travel.nested or task.scheduler.clock.real:
        return
    task.reads += 1
    if task.reads > _READS:
        reads = task.reads
        task.scheduler.sleep(task, (reads // _READS) / 1000)
        task.reads = reads


def enter(task: Task) -> None:
    """The scheduler gives a task the baton."""
    if task.scheduler.clock.real:
        zone.enter()
    else:
        travel.enter(task.scheduler.clock)


def leave(task: Task) -> None:
    """The scheduler has the baton back."""
    if task.scheduler.clock.real:
        zone.leave()
    else:
        travel.leave()


def moved(task: Task) -> None:
    """The clock moved while a task kept the baton."""
    if not task.scheduler.clock.real:
        travel.move(task.scheduler.clock)


class virtual:  # noqa: N801 - a context manager; a class costs a third of a decorated generator
    """Virtual time around a call into foreign code (moto)."""

    __slots__ = ("_clock",)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __enter__(self) -> None:
        travel.enter(self._clock)

    def __exit__(self, *exc: object) -> None:
        travel.leave()


def idle_sleep_drives(task: Task) -> Callable[[], bool]:
    """Whether a process that sleeps has work to come: it holds messages, or what it polls has some."""
    return lambda: task.busy or any(awaits() for awaits in task.awaits)


def _sleep(seconds: float) -> None:
    task = current()
    if task is None:
        _real_sleep(seconds)
    else:
        task.reads = 0
        task.scheduler.sleep(task, seconds, idle_sleep_drives(task) if task.daemon else True)


def _monotonic(name: str) -> Callable[[], Any]:
    real = _real[name]
    nanoseconds = name.endswith("_ns")

    def shim() -> Any:
        task = current()
        clock = task.scheduler.clock if task is not None else None
        if clock is None or clock.real:
            return real()
        _read()
        ms = clock.ms - clock.start_ms
        return ms * 1_000_000 if nanoseconds else ms / 1000

    shim.__name__ = name
    return shim


_real_select = selectors.DefaultSelector.select
_NO_TIMEOUT_STEP = 0.001


def _select(self: Any, timeout: float | None = None) -> Any:
    """An event loop of a task waits on the virtual clock; what is ready is never waited for."""
    task = current()
    if task is None or (timeout is not None and timeout <= 0):
        return _real_select(self, timeout)
    ready = _real_select(self, 0)
    while not ready:
        task.scheduler.sleep(task, _NO_TIMEOUT_STEP if timeout is None else timeout)
        ready = _real_select(self, 0)
        if timeout is not None:
            break
    return ready


_SHIMS: dict[str, Callable[..., Any]] = {"sleep": _sleep, **{name: _monotonic(name) for name in _real}}


def install() -> None:
    """Put the shims in place (idempotent)."""
    # freezegun puts the real clocks back when it ends: ours are looked after one by one.
    for name, shim in _SHIMS.items():
        if getattr(time, name) is not shim:
            setattr(time, name, shim)
    if selectors.DefaultSelector.select is _select:
        return
    selector: Any = selectors.DefaultSelector
    selector.select = _select
    _bound_by_name()


_real_poll = select.select


def _poll(reading: Any, writing: Any, failing: Any, timeout: float | None = None, /) -> Any:
    """Without descriptors it is a sleep. What descriptors wait for (child processes) is in real time."""
    if current() is None or timeout is None or any((reading, writing, failing)):
        return _real_poll(reading, writing, failing, timeout)
    _sleep(max(timeout, 0))
    return [], [], []


def _bound_by_name() -> None:
    """Modules of the standard library that took a clock before ours was in place.

    Child processes live in real time, so ``subprocess`` keeps it: its timeouts are real seconds.
    """
    modules: Any = (queue, threading, sched, select, subprocess)
    queues, threads, scheds, selects, processes = modules
    queues.time = threads._time = scheds._time = time.monotonic
    scheds.scheduler.__init__.__defaults__ = (time.monotonic, _sleep)
    selects.select = _poll
    processes._time = _real["monotonic"]
    processes.time = types.SimpleNamespace(**{**vars(time), **_real, "sleep": _real_sleep})
