"""Standing inside an invocation: replay what was recorded up to one of its AWS calls, and stop there.

A snapshot needs a world without open invocations; a point inside one is reached by its prefix::

    course = record(world, drive)                        # what happens, with every choice that was made
    here = stand(world, course, course.at("store", "before dynamodb.PutItem"))
    here.kill()                                          # or here.go_on(Seeded(7))
    world.run_until_idle()

A *point* is a place before or after an AWS call (or an HTTP request) of a task. A ``Course`` is data but
for its ``start`` and ``drive``: the same seed, deployment, drive and choices give the same journal, byte for
byte, also in a new process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackproof.errors import UsageError
from stackproof.fabric.agenda import Halted, Idle
from stackproof.fabric.choice import Chooser, Retraced, Trail
from stackproof.fabric.tasks import Task

if TYPE_CHECKING:
    from stackproof.fabric.world import Snapshot, World

Drive = Callable[[], Any]
"""What moves the world: ``world.run_until_idle``, or a function of the test that sends and drives."""
Choice = tuple[str, int, int]
"""Label, index taken, number of options."""


@dataclass(frozen=True, slots=True)
class Point:
    """Point ``number`` (from 1) of run ``run`` (from 1) of ``task``: a function's or a process's name.

    Runs are counted in the order of their first points; a thread of a task is a run of its own. ``label``
    says what stands there (``before dynamodb.PutItem``); "" takes whatever it is.
    """

    task: str
    number: int
    run: int = 1
    label: str = ""

    def __str__(self) -> str:
        return f"point {self.number} of run {self.run} of {self.task} ({self.label or 'any'})"


@dataclass(frozen=True, slots=True)
class Course:
    """A run from a snapshot: the choices that were made and the points that were passed, in order."""

    start: Snapshot
    drive: Drive
    choices: tuple[Choice, ...] = ()
    exploring: bool = False
    points: tuple[Point, ...] = ()
    logical: Mapping[str, str] = field(default_factory=dict)
    """Logical ids of functions and the names of their tasks."""

    def at(self, task: str, label: str, *, run: int = 1) -> Point:
        """The first point of a run with a label. Raises ``UsageError`` when none was passed.

        ``task`` is the name of a function or a process, or a function's logical id.
        """
        seen = list(dict.fromkeys(point.task for point in self.points))
        if task not in seen:
            known = {name: logical for logical, name in self.logical.items()}
            named = ", ".join(f"{known[one]} ({one})" if one in known else one for one in seen)
            if self.logical.get(task, task) not in seen:
                raise UsageError(
                    f"'{task}' passed no point of this course", hint=f"there are: {named or 'none'}"
                )
            task = self.logical[task]
        for point in self.points:
            if (point.task, point.label, point.run) == (task, label, run):
                return point
        passed = ", ".join(p.label for p in self.points if (p.task, p.run) == (task, run)) or "none"
        raise UsageError(f"run {run} of {task} never came to '{label}'; its points: {passed}")


class _Counter:
    """Numbers the points as tasks pass them."""

    def __init__(self) -> None:
        self._runs: dict[str, list[Task]] = {}
        self._numbers: dict[int, int] = {}

    def passed(self, task: Task, label: str) -> Point:
        name = task.name.partition(" ")[0]
        runs = self._runs.setdefault(name, [])
        if not any(known is task for known in runs):
            runs.append(task)
        number = self._numbers[id(task)] = self._numbers.get(id(task), 0) + 1
        run = next(index for index, known in enumerate(runs, 1) if known is task)
        return Point(name, number, run, label)


class Standing:
    """A world with one task standing at ``point``. Look at it as you like; nothing moves by itself."""

    def __init__(self, world: World, task: Task, point: Point, before: Chooser) -> None:
        self.world = world
        self.task = task
        self.point = point
        self._before = before

    def kill(self, reason: str = "") -> None:
        """The task ends here, as when its machine is lost; what it asked AWS for is done."""
        self.world.scheduler.end_halted(reason or f"killed at {self.point}")
        self.world.scheduler.chooser = self._before

    def go_on(self, chooser: Chooser | None = None, drive: Drive | None = None) -> Idle:
        """Run until idle (or ``drive``) with other choices; without a chooser with those of the course.

        Whatever drove the world when it stopped is not taken up again: an answer that the test was waiting
        for is lost. Afterwards the world has the chooser that it had before the replay.
        """
        scheduler = self.world.scheduler
        if chooser is not None:
            scheduler.chooser = chooser
        try:
            idle = (drive or self.world.run_until_idle)()
        finally:
            scheduler.chooser = self._before
        return idle if isinstance(idle, Idle) else Idle(0, 0.0)


def record(
    world: World, drive: Drive | None = None, *, start: Snapshot | None = None, chooser: Chooser | None = None
) -> Course:
    """Run from ``start`` (by default from a snapshot that is taken now) and note choices and points.

    The world is left where the run ended. Raises what ``drive`` raises.
    """
    drive = drive or world.run_until_idle
    start = _started(world, start)
    scheduler = world.scheduler
    before, hook, counter = scheduler.chooser, scheduler.on_point, _Counter()
    trail = Trail(chooser or before)
    points: list[Point] = []

    def note(task: Task, label: str) -> None:
        points.append(counter.passed(task, label))
        if hook is not None:
            hook(task, label)

    scheduler.chooser, scheduler.on_point = trail, note
    try:
        drive()
    finally:
        scheduler.chooser, scheduler.on_point = before, hook
    choices = tuple((label, index, len(options)) for label, index, options in trail.taken)
    return Course(start, drive, choices, trail.exploring, tuple(points))


def _started(world: World, start: Snapshot | None) -> Snapshot:
    """The snapshot to begin with, restored: it is the world that every replay begins with."""
    start = start or world.snapshot()
    world.restore(start)
    return start


def stand(world: World, course: Course, point: Point) -> Standing:
    """Restore the start of a course, replay its choices and stop at ``point``.

    Raises ``UsageError`` when the replay leaves the course or never comes to the point.
    """
    _started(world, course.start)
    scheduler = world.scheduler
    before, hook, counter = scheduler.chooser, scheduler.on_point, _Counter()

    def watch(task: Task, label: str) -> None:
        here = counter.passed(task, label)
        if hook is not None:
            hook(task, label)
        if (here.task, here.number, here.run) == (point.task, point.number, point.run):
            scheduler.on_point = hook
            scheduler.halt(task)

    chooser = Retraced(course.choices, exploring=course.exploring)
    scheduler.chooser, scheduler.on_point = chooser, watch
    standing: Task | None = None
    try:
        course.drive()
    except Halted as halted:
        standing = halted.task
    finally:
        scheduler.on_point = hook
        if standing is None:
            scheduler.chooser = before
    if chooser.left is not None:  # code of the user may have swallowed it
        raise chooser.left
    if standing is None:
        raise UsageError(f"the course never comes to {point}", hint="take one of course.points")
    if point.label and point.label != standing.point:
        raise UsageError(f"the replay left its course: {point} is '{standing.point}' now")
    return Standing(world, standing, point, before)


def choices(answers: Sequence[Sequence[Any]]) -> tuple[Choice, ...]:
    """Choices that were kept as JSON, for a ``Course``."""
    return tuple((str(label), int(index), int(count)) for label, index, count in answers)
