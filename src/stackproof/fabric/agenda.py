"""What stands on a scheduler's agenda, and what its driver answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stackproof.fabric.tasks import Task


class Halted(BaseException):
    """The driver stopped: ``task`` stands still at ``point``. The next drive goes on with it.

    No ``Exception``: it must reach who asked for it through whatever code drives the world.
    """

    def __init__(self, task: Task, point: str) -> None:
        super().__init__(f"{task.name} stands {point}")
        self.task = task
        self.point = point


HORIZON = 6 * 3600.0
"""Seconds that ``run_until_idle`` moves the clock at most: the maximum age of an asynchronous event."""

Drives = bool | Callable[[], bool]


def _forgotten() -> None:
    """What a timer does that nobody wants any more."""


class Timer:
    """Something that happens later. ``cancel`` it when it must not."""

    __slots__ = ("action", "args", "cancelled", "drives", "label", "ms")

    def __init__(
        self, ms: int, label: str, action: Callable[..., Any], args: tuple[Any, ...], drives: Drives
    ):
        self.ms = ms
        self.label = label
        self.action = action
        self.args = args
        self.drives = drives
        self.cancelled = False

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True

    def forget(self) -> None:
        """Let it never happen, not after a restore either: what it holds is let go of.

        A cancelled timer stays on the agenda until its time; those of a million invocations would keep a
        million events.
        """
        self.cancelled = True
        self.action, self.args, self.drives = _forgotten, (), False

    def matters(self) -> bool:
        """Whether ``run_until_idle`` moves the clock for it, as things stand."""
        return self.drives if isinstance(self.drives, bool) else self.drives()


@dataclass(frozen=True, slots=True)
class Idle:
    """What a drive did: pieces of work, virtual seconds, and the labels of driving timers left."""

    steps: int
    seconds: float
    pending: tuple[str, ...] = ()


def of_task(args: tuple[Any, ...]) -> bool:
    """Whether work belongs to an open task: a switch to it, or a timer that wakes it."""
    return bool(args) and isinstance(args[0], Task)


def nothing(task: Task) -> None:
    """Ignore a task."""


def ignore(task: Task, seconds: float) -> None:
    """Ignore that a task ran too long."""


def raise_if_fabric(task: Task) -> None:
    """The error of a task that nobody waits for goes to the driver."""
    if task.error is not None and task.state == "done":
        raise task.error
