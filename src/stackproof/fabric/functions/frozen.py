"""Warm execution environments in a snapshot: each as it was, or cold, with what stood in the way.

Of an environment everything is kept that its next invocation could notice: the modules that are its alone,
every object that their globals reach, variables, loggers, context variables and the files in its ``/tmp``.
They are captured when no invocation runs, by identity and shallow content, and written back in place.
"""

from __future__ import annotations

import contextvars
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.heap import files
from stackproof.fabric.heap.capture import Capture, Uncapturable, captured

if TYPE_CHECKING:
    from stackproof.fabric.functions.environment import Environment
    from stackproof.fabric.tasks import Task
    from stackproof.fabric.world import World

TMP = "/tmp"
_NUMBER = re.compile(r"\d+")
"""Threads are numbered over the whole process."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """An environment at one moment: ``stamp`` is that of its view then."""

    environment: Environment
    stamp: int
    uses: int
    cwd: str
    private: str
    context: contextvars.Context
    heap: Capture
    tmp: files.Tree | None


@dataclass(frozen=True, slots=True)
class Cold:
    """An environment that cannot be put back: ``what`` stands in the way, and ``why``."""

    environment: Environment
    what: str
    why: str


def frozen(environment: Environment, tasks: list[Task]) -> Frozen | Cold:
    """An idle environment as it is; ``tasks`` are those that are open."""
    view = environment.view
    last = environment.last
    if isinstance(last, Frozen) and last.stamp == view.stamp:
        return last
    threads = [task.name for task in tasks if task.facts is environment.facts and not task.done]
    if threads:
        return Cold(environment, _NUMBER.sub("*", threads[0].partition("/")[2]), "a thread that goes on")
    try:
        made = environment.last = _frozen(environment, last)
    except Uncapturable as error:
        return Cold(environment, error.what, error.why)
    except Exception as error:  # noqa: BLE001 - the objects of foreign code: what one of them raises is told
        return Cold(environment, type(error).__name__, str(error))
    return made


def _frozen(environment: Environment, last: Frozen | None) -> Frozen:
    view = environment.view
    context = environment.context.copy()
    roots: list[tuple[str, Any]] = [
        ("its handler", environment.runtime.captured()), ("its modules", view.modules),
        ("its interpreter", view.hooks), ("its facts", environment.facts),
        *((f"context variable {name.name}", value) for name, value in context.items()),
    ]  # fmt: skip
    heap = captured(roots, dict(view.modules), view.roots)
    tmp = None
    if view.private:
        tmp = files.captured(view.private, TMP, last.tmp if last is not None else None)
    return Frozen(environment, view.stamp, environment.uses, view.cwd, view.private, context, heap, tmp)


def thawed(kept: Frozen) -> Cold | None:
    """Put an environment back as it was; what stood in the way when that failed: it must not be used."""
    environment = kept.environment
    view = environment.view
    if environment.task is not None and environment.task.lost:
        return Cold(environment, environment.task.name, "code that never yields still runs in it")
    environment.current = None
    if view.stamp == kept.stamp and view.private == kept.private:
        return None
    view.stamp = 0
    try:
        _put_back(kept)
    except Exception as error:  # noqa: BLE001 - the objects of foreign code: what one of them raises is told
        environment.last = None
        return Cold(environment, type(error).__name__, f"could not be put back: {error}")
    view.stamp = kept.stamp
    environment.last = kept
    return None


def _put_back(kept: Frozen) -> None:
    environment = kept.environment
    view = environment.view
    kept.heap.restore()
    environment.uses = kept.uses
    environment.context = kept.context.copy()
    if kept.tmp is not None:
        view.revive(kept.private)
        files.restore(kept.private, kept.tmp)
    elif view.private:
        view.close()
    view.cwd = kept.cwd


def tell(world: World, cold: Cold) -> None:
    """The journal says which environment is cold after a restore, and why."""
    environment = cold.environment
    detail = {"object": cold.what, "reason": cold.why, "stream": environment.stream}
    world.journal.record("world", "lambda.Cold", arns.last(environment.version.function), detail)
