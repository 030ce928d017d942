"""What CodeBuild tells of a build: events on the default bus, and the lines of its log.

Source: CodeBuild user guide, "Build notifications sample" (state changes, phase changes and their details).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric.codebuild.model import Build, Project, Step
from stackproof.fabric.service import ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_MOST_LINES = 1_000
_LONGEST = 250_000
"""Characters of one log event here; CloudWatch Logs takes 256 KB."""


def _told(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%b %-d, %Y %-I:%M:%S %p")


def _about(build: Build, project: Project) -> dict[str, Any]:
    given = project.given
    found: dict[str, Any] = {
        "build-complete": bool(build.end),
        "build-start-time": _told(build.start),
        "initiator": build.initiator,
        "timeout-in-minutes": project.minutes,
        "build-number": build.number,
        "logs": {"group-name": build.group, "stream-name": build.stream},
        "environment": {
            "image": (given.get("environment") or {}).get("image"),
            "compute-type": (given.get("environment") or {}).get("computeType"),
            "type": (given.get("environment") or {}).get("type"),
        },
        "source": {"type": (given.get("source") or {}).get("type")},
        "phases": [_phase(step) for step in build.steps],
    }
    if build.version:
        found["source-version"] = build.version
    return found


def _phase(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {"phase-type": step.name, "start-time": _told(step.start)}
    if step.end:
        found |= {
            "end-time": _told(step.end),
            "duration-in-seconds": (step.end - step.start) // 1000,
            "phase-status": step.status,
            "phase-context": [f"{step.code}: {step.message}" if step.code else ""],
        }
    return found


def state(world: World, build: Build, project: Project) -> None:
    """``CodeBuild Build State Change``."""
    detail = {
        "build-status": build.status,
        "project-name": build.project,
        "build-id": build.arn,
        "additional-information": _about(build, project),
        "current-phase": build.steps[-1].name,
        "current-phase-context": "[]",
        "version": "1",
    }
    _emit(world, "CodeBuild Build State Change", detail, build, project)


def phase(world: World, build: Build, project: Project) -> None:
    """``CodeBuild Build Phase Change`` of the phase that has just ended."""
    step = build.steps[-1]
    detail = {
        "completed-phase": step.name,
        "completed-phase-status": step.status,
        "completed-phase-context": f"[{step.code}: {step.message}]" if step.code else "[: ]",
        "completed-phase-start": _told(step.start),
        "completed-phase-end": _told(step.end),
        "completed-phase-duration-seconds": (step.end - step.start) // 1000,
        "project-name": build.project,
        "build-id": build.arn,
        "additional-information": _about(build, project),
        "version": "1",
    }
    _emit(world, "CodeBuild Build Phase Change", detail, build, project)


def _emit(world: World, kind: str, detail: dict[str, Any], build: Build, project: Project) -> None:
    world.service("events").emit(
        "aws.codebuild", kind, detail, [build.arn], account=project.account, region=project.region
    )


class Log:
    """The log of a build, handed on phase by phase. ``hidden`` are texts that differ from run to run."""

    def __init__(
        self, world: World, build: Build, ask: Callable[..., Any], on: bool, hidden: dict[str, str]
    ) -> None:
        self._world = world
        self._place = {"logGroupName": build.group, "logStreamName": build.stream}
        self._ask = ask
        self._on = on
        self._hidden = hidden
        self._open = False
        self._lines: list[tuple[int, str]] = []
        self._rest = ""

    def write(self, text: str) -> None:
        """What a command wrote, in whatever pieces."""
        *lines, self._rest = (self._rest + text).split("\n")
        now = self._world.clock.ms
        self._lines += [(now, line) for line in lines]

    def say(self, line: str) -> None:
        """A line of the container itself."""
        if self._rest:
            self.write("\n")
        self.write(f"[Container] {line}\n")

    def flush(self) -> None:
        """Hand over what there is."""
        lines, self._lines = self._lines, []
        if not (lines and self._on):
            return
        if not self._open:
            self._start()
        events = [{"timestamp": ms, "message": f"{self._shown(line)}\n"} for ms, line in lines]
        for at in range(0, len(events), _MOST_LINES):
            self._ask("logs", "PutLogEvents", {**self._place, "logEvents": events[at : at + _MOST_LINES]})

    def _shown(self, line: str) -> str:
        for text, meant in self._hidden.items():
            line = line.replace(text, meant)
        return line[:_LONGEST]

    def _start(self) -> None:
        """The stream, and the group when there is none."""
        self._open = True
        try:
            self._ask("logs", "CreateLogStream", self._place)
        except ServiceError as error:
            if error.code != "ResourceNotFoundException":
                raise
            self._group()
            self._ask("logs", "CreateLogStream", self._place)

    def _group(self) -> None:
        """Make the group, unless another build has made it meanwhile."""
        try:
            self._ask("logs", "CreateLogGroup", {"logGroupName": self._place["logGroupName"]})
        except ServiceError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
