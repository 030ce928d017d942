"""What CodeBuild keeps: projects and builds, all frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stackproof.fabric.events.model import moment

IN_PROGRESS, SUCCEEDED, FAILED, FAULT = "IN_PROGRESS", "SUCCEEDED", "FAILED", "FAULT"
TIMED_OUT, STOPPED = "TIMED_OUT", "STOPPED"


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``given`` are the members of CreateProject; times in seconds since the epoch."""

    name: str
    arn: str
    account: str
    region: str
    created: float
    modified: float
    given: Mapping[str, Any] = field(default_factory=dict)
    builds: int = 0

    @property
    def minutes(self) -> int:
        """Minutes until a build times out."""
        return int(self.given.get("timeoutInMinutes") or 60)

    @property
    def role(self) -> str:
        """The ARN of its service role."""
        return str(self.given.get("serviceRole") or "")

    def shown(self) -> dict[str, Any]:
        """As BatchGetProjects answers it."""
        return {
            "timeoutInMinutes": 60, "queuedTimeoutInMinutes": 480, **self.given, "name": self.name,
            "arn": self.arn, "created": moment(self.created), "lastModified": moment(self.modified),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """One source of a build that CodePipeline started: an object of the artifact store."""

    name: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Order:
    """What a build is asked to do beside its project: by CodePipeline, or by StartBuild's overrides.

    ``outputs`` are keys by artifact name in ``bucket``, the first one is the primary. ``done`` is told the
    build at its end.
    """

    overrides: Mapping[str, Any] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    bucket: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    version: str = ""
    initiator: str = ""
    done: Callable[[Build], None] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A phase of a build; times in milliseconds, ``end`` 0 while it runs."""

    name: str
    start: int
    end: int = 0
    status: str = IN_PROGRESS
    code: str = ""
    message: str = ""

    def shown(self) -> dict[str, Any]:
        """As BatchGetBuilds answers it."""
        found: dict[str, Any] = {"phaseType": self.name, "startTime": moment(self.start / 1000)}
        if self.end:
            seconds = (self.end - self.start) // 1000
            found |= {"endTime": moment(self.end / 1000), "durationInSeconds": seconds}
            found["phaseStatus"] = self.status
        if self.code:
            found["contexts"] = [{"statusCode": self.code, "message": self.message}]
        return found


@dataclass(frozen=True, slots=True)
class Build:
    """A build. ``steps`` are its phases so far; ``exported`` its exported variables at its end."""

    id: str
    arn: str
    project: str
    number: int
    start: int
    initiator: str
    group: str
    stream: str
    version: str = ""
    resolved: str = ""
    status: str = IN_PROGRESS
    end: int = 0
    steps: tuple[Step, ...] = ()
    exported: Mapping[str, str] = field(default_factory=dict)
    reports: tuple[str, ...] = ()
    location: str = ""
    environment: tuple[Mapping[str, str], ...] = ()

    @property
    def failure(self) -> str:
        """Why it failed, as its phases say; "" when it did not."""
        told = [
            f"{one.name}: {one.message}" for one in self.steps if one.status not in (SUCCEEDED, IN_PROGRESS)
        ]
        return "; ".join(told)

    def entered(self, name: str, ms: int) -> Build:
        """With a phase that begins."""
        return replace(self, steps=(*self.steps, Step(name, ms)))

    def left(self, ms: int, status: str, code: str = "", message: str = "") -> Build:
        """With the latest phase at its end."""
        last = replace(self.steps[-1], end=ms, status=status, code=code, message=message)
        return replace(self, steps=(*self.steps[:-1], last))

    def shown(self, project: Project | None) -> dict[str, Any]:
        """As BatchGetBuilds answers it."""
        given = dict(project.given) if project is not None else {}
        found: dict[str, Any] = {
            "id": self.id, "arn": self.arn, "buildNumber": self.number, "projectName": self.project,
            "startTime": moment(self.start / 1000), "currentPhase": self.steps[-1].name,
            "buildStatus": self.status, "buildComplete": bool(self.end), "initiator": self.initiator,
            "phases": [one.shown() for one in self.steps],
            "logs": {"groupName": self.group, "streamName": self.stream},
            "exportedEnvironmentVariables": [
                {"name": name, "value": value} for name, value in self.exported.items()
            ],
            "reportArns": list(self.reports), "artifacts": {"location": self.location},
            "timeoutInMinutes": project.minutes if project is not None else 60,
            **{name: given[name] for name in ("source", "environment", "serviceRole") if name in given},
        }  # fmt: skip
        versions = {"sourceVersion": self.version, "resolvedSourceVersion": self.resolved}
        found |= {name: value for name, value in versions.items() if value}
        if self.end:
            found["endTime"] = moment(self.end / 1000)
        return found
