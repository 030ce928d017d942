"""Processes: plain code that polls (a worker in a container, a consumer) runs as a task of the world.

A process sleeps and polls on the virtual clock, calls AWS as a role, and is started anew when the world is
taken back to a snapshot that was taken while it rested, as if its machine had been started again: what it
kept in memory is gone.
"""

from __future__ import annotations

import importlib
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import UsageError
from stackproof.fabric import arns
from stackproof.fabric.functions.view import Output, View
from stackproof.fabric.service import Caller
from stackproof.fabric.tasks import Task

if TYPE_CHECKING:
    from stackproof.fabric.world import World

Code = Callable[[], Any] | str | Path


class Process:
    """A running process; ``lines`` is what it wrote to its output since it was started last."""

    def __init__(self, world: World, name: str, body: Callable[[], Any], identity: Caller) -> None:
        self._world = world
        self.name = name
        self.identity = identity
        self.lines: list[str] = []
        self._body = body
        self._folder: Path | None = None
        self._environ: dict[str, str] = {}
        self.task = self._made()

    def __repr__(self) -> str:
        return f"<Process {self.name} {self.task.state} at {self.task.point}>"

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self.task.done

    def live_in(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Let it see the modules of ``folder`` and these variables only."""
        self._folder, self._environ = folder, dict(environ)
        self.task.facts["view"] = self._view()

    def _view(self) -> View:
        assert self._folder is not None  # callers look first
        return View((self._folder,), self._environ, Output(self.lines.append))

    def _made(self) -> Task:
        task = Task(
            self._world.scheduler, self.name, self._run, kind="process", identity=self.identity, daemon=True
        )
        if self._folder is not None:
            task.facts["view"] = self._view()
        task.renew = self._renewed
        return task

    def _renewed(self) -> Task:
        self.lines.clear()
        view = self.task.facts.get("view")
        if view is not None:
            view.close()
        self.task = self._made()
        return self.task

    def _run(self) -> Any:
        self._world.journal.record(self.name, "process.Start", self.name)
        return self._body()

    def kill(self) -> None:
        """It ends where it is, as when its machine is lost."""
        self.task.kill(f"{self.name} was killed at {self.task.point}")

    def terminate(self) -> None:
        """SIGTERM, as a container is stopped: its handler runs; without one it is killed."""
        handler = self.task.facts.get("signals", {}).get(signal.SIGTERM)
        if not callable(handler):
            self.kill()
            return
        told = Task(
            self._world.scheduler, f"{self.name}/SIGTERM", lambda: handler(signal.SIGTERM, None),
            kind="thread", identity=self.identity, daemon=True,
        )  # fmt: skip
        told.parent, told.facts = self.task, self.task.facts
        self._world.scheduler.spawn(told)


def start(
    world: World,
    code: Code,
    *,
    name: str = "",
    role: str = "",
    run: str = "main",
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start a process. It begins when the world is driven next.

    ``code`` is a function of the test, or a Python file: then its folder is what it can import, ``run`` names
    the function that is called, and ``environment`` is added to what a container has. ``role`` is the ARN of
    the role whose identity AWS sees; without one it is the account's. Raises ``UsageError``.
    """
    if callable(code):
        if environment:
            raise UsageError("a function of the test takes no environment", hint="close over its values")
        name = name or getattr(code, "__name__", "process")
        process = Process(world, name, code, _identity(world, role, name))
    else:
        path = Path(code).resolve()
        if not path.is_file():
            raise UsageError(f"there is no file {code} to run as a process")
        name = name or path.stem.replace("_", "-")
        process = Process(world, name, lambda: _called(path.stem, run), _identity(world, role, name))
        process.live_in(path.parent, {**_variables(process.identity), **(environment or {})})
    world.scheduler.spawn(process.task)
    return process


def _called(module: str, run: str) -> Any:
    found = getattr(importlib.import_module(module), run, None)
    if not callable(found):
        raise UsageError(f"{module}.py has no function '{run}'", hint="name it: run=…")
    return found()


def _identity(world: World, role: str, name: str) -> Caller:
    if not role:
        return world.caller(actor=name)
    parsed = arns.parse(role)
    if parsed is None or parsed.service != "iam" or not parsed.resource.startswith("role/"):
        raise UsageError(f"'{role}' is no ARN of a role")
    session = f"assumed-role/{arns.last(role)}/{name}"
    arn = f"arn:{parsed.partition}:sts::{parsed.account}:{session}"
    user = f"AROA{parsed.account}STACKPROOF:{name}"
    return Caller(parsed.account, world.region, arn, name, user_id=user)


def _variables(identity: Caller) -> dict[str, str]:
    """What a container has: credentials of its role, its region."""
    return {
        "AWS_ACCESS_KEY_ID": identity.account,
        "AWS_SECRET_ACCESS_KEY": "stackproof",
        "AWS_SESSION_TOKEN": "stackproof",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": identity.region,
        "AWS_REGION": identity.region,
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": "UTC",
    }
