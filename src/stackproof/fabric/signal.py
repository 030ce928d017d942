"""A place where callers wait on the virtual clock for something to happen."""

from __future__ import annotations

from collections.abc import Callable

from stackproof.fabric.scheduler import Drives, Scheduler
from stackproof.fabric.tasks import Task, current


class Signal:
    """``wait`` suspends the task (or drives the world, outside of tasks); ``notify`` wakes one waiter."""

    __slots__ = ("_outside", "_scheduler", "_waiters")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiters: list[Task] = []
        self._outside = 0

    def wait(self, until: Callable[[], bool], seconds: float, *, drives: Drives = True) -> bool:
        """Wait until ``until()`` holds or ``seconds`` passed; answers whether it holds."""
        task = current()
        if task is None:
            self._outside += 1
            try:
                return self._scheduler.wait(until, seconds)
            finally:
                self._outside -= 1
        self._waiters.append(task)
        try:
            return self._scheduler.wait(until, seconds, drives=drives)
        finally:
            if task in self._waiters:
                self._waiters.remove(task)

    def notify(self) -> None:
        """Wake one waiter; which one is a choice."""
        waiting = [task for task in self._waiters if task.state == "blocked"]
        if waiting:
            chosen = self._scheduler.choose("waiter", waiting, [task.name for task in waiting])
            self._scheduler.wake(chosen)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiters or self._outside)
