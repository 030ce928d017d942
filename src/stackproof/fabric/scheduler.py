"""One scheduler decides every order: an agenda of timers and of work that is ready.

Work is ready now; a timer becomes ready when the clock reaches it. The driver (the thread of the
test) takes one piece of work after the other; a piece is a call inside the fabric, or a task that
runs until it suspends. With an exploring chooser the order of ready work is a choice point.

**Idle.** ``run_until_idle`` ends when no work is ready and no timer *drives*. A timer drives when
what it starts is bound to come and matters: a delay, a retry, a batching window, a sleep of an
invocation, a visibility timeout of a queue that somebody consumes. It does not drive when it would
go on for ever: a schedule, the long poll of an idle worker. Timers that do not drive still fire
when the clock passes them on its way. The clock moves at most ``horizon`` seconds.
"""

from __future__ import annotations

import _thread
import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from stackproof.errors import InternalError, UsageError
from stackproof.fabric import agenda, watchdog
from stackproof.fabric.agenda import HORIZON, Drives, Halted, Idle, Timer
from stackproof.fabric.choice import Chooser, First
from stackproof.fabric.clock import Clock, milliseconds
from stackproof.fabric.tasks import Task, chained, current

T = TypeVar("T")

__all__ = ["HORIZON", "Drives", "Halted", "Idle", "Scheduler", "Timer"]


class Scheduler:
    """The agenda and the driver. ``enter``/``leave`` are called around each slice of a
    task, ``moved`` when the clock moves within one."""

    def __init__(self, clock: Clock, chooser: Chooser | None = None) -> None:
        self.clock = clock
        self.chooser: Chooser = chooser or First()
        self.enter: Callable[[Task], None] = agenda.nothing
        self.leave: Callable[[Task], None] = agenda.nothing
        self.moved: Callable[[Task], None] = agenda.nothing
        self.on_point: Callable[[Task, str], None] | None = None
        self.on_error: Callable[[Task], None] = agenda.raise_if_fabric
        self.on_overrun: Callable[[Task, float], None] = agenda.ignore
        self.real_limit = 0.0 if clock.real else watchdog.limit()
        self.open_tasks: dict[int, Task] = {}
        self._ready: deque[tuple[str, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._bound: list[tuple[int, int, Timer]] = []
        self._loose: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self._gate = _thread.allocate_lock()
        self._gate.acquire()
        self._limit_ms = 0
        self._driving = False
        self._halted: Task | None = None

    # The agenda.

    def soon(self, label: str, action: Callable[..., Any], *args: Any) -> None:
        """Work that is ready now. ``action`` should be a method of a service with immutable arguments."""
        self._ready.append((label, action, args))

    def at(self, ms: int, label: str, action: Callable[..., Any], *args: Any, drives: Drives = True) -> Timer:
        """A timer at an absolute time in milliseconds. See the module's text for ``drives``."""
        timer = Timer(ms, label, action, args, drives)
        self._sequence += 1
        heapq.heappush(self._bound if drives is True else self._loose, (ms, self._sequence, timer))
        return timer

    def after(
        self, seconds: float, label: str, action: Callable[..., Any], *args: Any, drives: Drives = True
    ) -> Timer:
        """A timer ``seconds`` from now."""
        return self.at(self.clock.ms + milliseconds(seconds), label, action, *args, drives=drives)

    def choose(self, label: str, options: Sequence[T], names: Sequence[str] | None = None) -> T:
        """A named choice point; option 0 is the ordinary course."""
        if len(options) < 2 or not self.chooser.exploring:
            return options[0]
        return options[self.chooser.choose(label, names or [str(option) for option in options])]

    # Driving.

    def step(self) -> bool:
        """Do one piece of work, moving the clock to the next driving timer if need be; False when idle."""
        self._limit_ms = self.clock.ms
        if self._halted is not None:
            self._guarded(self._go_on)
            return True
        if not self._ready and not self._promote():
            when = self._next_driving(self.clock.ms + milliseconds(HORIZON))
            if when is None:
                return False
            self.clock.ms = max(self.clock.ms, min(when, self._earliest() or when))
            self._limit_ms = self.clock.ms
            self._promote()
        self._guarded(self._run_one)
        return True

    def run_until_idle(self, *, horizon: float = HORIZON) -> Idle:
        """Drive until idle (see the module's text)."""
        start = self.clock.ms
        steps = self._guarded(self._drive, start + milliseconds(horizon), None, False)
        return Idle(steps, (self.clock.ms - start) / 1000, self._pending())

    def advance(self, seconds: float) -> Idle:
        """Let ``seconds`` pass: everything due happens on the way, in order.

        Raises ``TypeError`` for what is no number, ``UsageError`` for a time that cannot pass.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise TypeError(f"advance takes a number of seconds, not {seconds!r}")
        if not 0 <= seconds < math.inf:
            raise UsageError(
                f"time cannot advance by {seconds} seconds",
                hint="it only goes on; restore a snapshot to go back",
            )
        start = self.clock.ms
        target = start + milliseconds(seconds)
        steps = self._guarded(self._drive, target, None, True)
        self.clock.ms = max(self.clock.ms, target)
        self._promote()
        steps += self._guarded(self._drive, target, None, True)
        return Idle(steps, (self.clock.ms - start) / 1000, self._pending())

    def wait(self, until: Callable[[], bool], seconds: float, *, drives: Drives = True) -> bool:
        """Let the caller wait on the virtual clock until ``until()`` holds or ``seconds`` passed.

        Inside a task the task suspends and must be woken by whoever changes ``until``'s answer
        (``Signal``); outside, this drives the world. Answers whether ``until()`` holds.
        """
        target = self.clock.ms + milliseconds(seconds)
        task = current()
        if task is not None:
            while not until() and self.clock.ms < target:
                self.block(task, "wait", until_ms=target, drives=drives)
            return until()
        self._guarded(self._drive, target, until, True)
        if not until():
            self.clock.ms = max(self.clock.ms, target)
        return until()

    def join(self, task: Task, seconds: float = 24 * 3600.0) -> None:
        """Wait until ``task`` is done. InternalError when it can never be (a deadlock)."""
        here = current()
        if here is None:
            self.wait(lambda: task.done, seconds)
        else:
            while not task.done:
                previous = task.on_done
                task.on_done = chained(previous, lambda _: self.wake(here))
                self.block(here, f"join {task.name}")
        if not task.done:
            raise InternalError(f"{task.name} never ended: it waits at {task.point}")

    def wait_task(self, task: Task, seconds: float) -> None:
        """Task side: wait until ``task`` is done or ``seconds`` passed."""
        here = current()
        if here is None:
            self.wait(lambda: task.done, seconds)
        elif not task.done:
            task.on_done = chained(task.on_done, lambda _: self.wake(here))
            self.wait(lambda: task.done, seconds)

    def baton_back(self) -> None:
        """Give the baton to the driver."""
        self._gate.release()

    def _guarded(self, work: Callable[..., Any], *args: Any) -> Any:
        if current() is not None:
            raise InternalError("only code outside of tasks may drive the scheduler")
        nested, self._driving = self._driving, True
        try:
            return work(*args)
        finally:
            self._driving = nested

    def _drive(self, limit_ms: int, until: Callable[[], bool] | None, through: bool) -> int:
        steps = 0
        outer, self._limit_ms = self._limit_ms, limit_ms
        try:
            if self._halted is not None:
                self._go_on()
                steps += 1
            while until is None or not until():
                if self._ready or self._promote():
                    self._run_one()
                    steps += 1
                    continue
                when = self._earliest() if through else self._next_driving(limit_ms)
                if when is None or when > limit_ms:
                    break
                self.clock.ms = max(self.clock.ms, min(when, self._earliest() or when))
        finally:
            self._limit_ms = outer
        return steps

    def _run_one(self) -> None:
        ready = self._ready
        if len(ready) > 1 and self.chooser.exploring:
            index = self.chooser.choose("schedule", [label for label, _, _ in ready])
            ready.rotate(-index)
            _, action, args = ready.popleft()
            ready.rotate(index)
        else:
            _, action, args = ready.popleft()
        action(*args)

    def _promote(self) -> bool:
        """Timers that are due become ready work, in the order of their time."""
        while (heap := self._first_heap()) is not None and heap[0][0] <= self.clock.ms:
            timer = heapq.heappop(heap)[2]
            self._ready.append((timer.label, timer.action, timer.args))
        return bool(self._ready)

    def _first_heap(self) -> list[tuple[int, int, Timer]] | None:
        for heap in (self._bound, self._loose):
            while heap and heap[0][2].cancelled:
                heapq.heappop(heap)
        if not self._bound:
            return self._loose or None
        if not self._loose:
            return self._bound
        return self._bound if self._bound[0][:2] < self._loose[0][:2] else self._loose

    def _earliest(self) -> int | None:
        heap = self._first_heap()
        return heap[0][0] if heap else None

    def _next_driving(self, limit_ms: int) -> int | None:
        self._first_heap()
        times = [ms for ms, _, timer in self._loose if not timer.cancelled and timer.matters()]
        if self._bound:
            times.append(self._bound[0][0])
        return min((ms for ms in times if ms <= limit_ms), default=None)

    def next_driving(self) -> tuple[int, str] | None:
        """When (ms) and for what ``run_until_idle`` would move the clock next; None when for nothing."""
        timers = [timer for _, _, timer in self._bound + self._loose]
        due = [(t.ms, t.label) for t in timers if not t.cancelled and t.matters()]
        return min(due, default=None)

    def _pending(self) -> tuple[str, ...]:
        timers = [t for t in sorted(self._bound + self._loose, key=lambda t: t[:2]) if not t[2].cancelled]
        return tuple(timer.label for _, _, timer in timers[:100] if timer.matters())

    # Tasks.

    def spawn(self, task: Task) -> Task:
        """Put a new task on the agenda."""
        self.open_tasks[id(task)] = task
        self._ready.append((task.name, self._switch, (task,)))
        return task

    def wake(self, task: Task, value: Any = None) -> None:
        """Let a blocked task go on when its turn comes."""
        if task.state == "blocked":
            task.state = "ready"
            task.wake_value = value
            self._ready.append((f"{task.name} {task.point}", self._switch, (task,)))

    def block(self, task: Task, point: str, *, until_ms: int | None = None, drives: Drives = True) -> Any:
        """Task side: suspend until ``wake`` or until ``until_ms``. Answers the value given to ``wake``."""
        task.check()
        timer = None
        if until_ms is not None:
            timer = self.at(until_ms, f"{task.name} {point}", self.wake, task, drives=drives)
        task.point = point
        task.state = "blocked"
        task.wake_value = None
        try:
            task.suspend(self.baton_back)
        finally:  # of a task that was killed too: nothing waits for it any more
            if timer is not None:
                timer.cancel()
        return task.wake_value

    def pause(self, task: Task, point: str) -> None:
        """Task side: a place where another may go first (before and after each AWS call)."""
        task.check()
        task.point = point
        task.reads = 0
        if self.on_point is not None:
            self.on_point(task, point)
        if not self.chooser.exploring or not (self._ready or self._promote()):
            return
        task.state = "blocked"
        self.wake(task)
        task.suspend(self.baton_back)

    def halt(self, task: Task) -> None:
        """Task side, from ``on_point``: stand still here, and let the driver raise ``Halted``."""
        task.state = "halted"
        self._halted = task
        task.suspend(self.baton_back)

    def end_halted(self, reason: str) -> None:
        """Driver side: kill the task that stands still and let it unwind."""
        if self._halted is not None:
            self._halted.kill(reason)
            self._guarded(self._go_on)

    def _go_on(self) -> None:
        """The task that stood still has the baton as if it had never given it back."""
        task, self._halted = self._halted, None
        assert task is not None  # callers look first
        self._switch(task)

    def sleep(self, task: Task, seconds: float, drives: Drives = True) -> None:
        """Task side: let virtual time pass. With nothing else to do no baton changes hands."""
        task.check()
        target = self.clock.ms + max(milliseconds(seconds), 0)
        alone = not (self._ready or self._promote()) and target <= self._limit_ms and drives is True
        if alone and ((earliest := self._earliest()) is None or earliest > target):
            self.clock.ms = target
            self.moved(task)
            return
        while self.clock.ms < target:
            self.block(task, f"sleep {seconds:g}", until_ms=target, drives=drives)

    def _switch(self, task: Task) -> None:
        if task.done:
            self._ended(task)
            return
        self.enter(task)
        try:
            if task.state == "new":
                task.start(self.baton_back)
            else:
                task.resume()
            watchdog.wait(self._gate, task, self.real_limit, self.on_overrun)
        finally:
            self.leave(task)
        if self._halted is task:
            raise Halted(task, task.point)
        if task.done:
            self._ended(task)

    def _ended(self, task: Task) -> None:
        self.open_tasks.pop(id(task), None)
        if task.on_done is not None:
            done, task.on_done = task.on_done, None
            done(task)
        elif task.error is not None:
            self.on_error(task)

    # Snapshots.

    def snapshot(self) -> Any:
        """The agenda. Possible while no task is open but processes that rest (``Task.rests``): those are
        started anew by ``restore``, as if their machine had been started again, and go on here."""
        tasks = list(self.open_tasks.values())
        standing = sorted(f"{task.name} (at {task.point})" for task in tasks if not task.rests)
        if standing:
            raise UsageError(
                f"no snapshot while tasks are open: {', '.join(standing)}",
                hint="run until idle first, or go_on or kill what stands at a point",
            )
        timers = [
            (ms, n, t)
            for ms, n, t in self._bound + self._loose
            if not t.cancelled and not agenda.of_task(t.args)
        ]
        ready = tuple(work for work in self._ready if not agenda.of_task(work[2]))
        anew = tuple((task.renew, tuple(task.awaits)) for task in tasks if task.renew is not None)
        return (self.clock.ms, ready, tuple(timers), self._sequence, anew)

    def restore(self, state: Any) -> None:
        """Back to a snapshot of this scheduler; open tasks are killed first, processes started anew."""
        self._halted = None
        for task in list(self.open_tasks.values()):
            self.abandon(task)
        self.clock.ms, ready, timers, self._sequence, anew = state
        self._ready = deque(ready)
        for _, _, timer in timers:
            timer.cancelled = False
        self._bound = sorted((t for t in timers if t[2].drives is True), key=lambda t: t[:2])
        self._loose = sorted((t for t in timers if t[2].drives is not True), key=lambda t: t[:2])
        for renew, awaits in anew:
            self.spawn(renew()).awaits = list(awaits)

    def abandon(self, task: Task) -> None:
        """Kill a task and let it unwind at once; its end is told to nobody."""
        task.on_done = agenda.nothing
        task.kill("the world was taken back")
        while not task.done:
            task.state = "blocked"
            self._switch(task)
        self.open_tasks.pop(id(task), None)
