"""What CodePipeline keeps: pipelines, executions, runs of actions. All frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stackproof.fabric.events.model import moment

IN_PROGRESS, SUCCEEDED, FAILED = "InProgress", "Succeeded", "Failed"
STOPPED, STOPPING, SUPERSEDED, CANCELLED = "Stopped", "Stopping", "Superseded", "Cancelled"
ABANDONED = "Abandoned"


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a stage, as the pipeline declares it. ``kind`` is (category, owner, provider)."""

    given: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name, unique in the stage."""
        return str(self.given["name"])

    @property
    def kind(self) -> tuple[str, str, str]:
        """Category, owner, provider."""
        found = self.given["actionTypeId"]
        return str(found["category"]), str(found["owner"]), str(found["provider"])

    @property
    def order(self) -> int:
        """Its RunOrder."""
        return int(self.given.get("runOrder") or 1)

    @property
    def configuration(self) -> Mapping[str, str]:
        """As written, variables not filled in."""
        found: Mapping[str, str] = self.given.get("configuration") or {}
        return found

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its input artifacts."""
        return tuple(one["name"] for one in self.given.get("inputArtifacts") or ())

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its output artifacts."""
        return tuple(one["name"] for one in self.given.get("outputArtifacts") or ())


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline. ``given`` is the API's structure; ``version`` counts changes; times in seconds."""

    name: str
    arn: str
    account: str
    region: str
    created: float
    updated: float
    given: Mapping[str, Any]
    version: int = 1

    @property
    def role(self) -> str:
        """The ARN of its role."""
        return str(self.given.get("roleArn") or "")

    @property
    def mode(self) -> str:
        """SUPERSEDED, QUEUED or PARALLEL."""
        return str(self.given.get("executionMode") or "SUPERSEDED")

    @property
    def stages(self) -> Sequence[Mapping[str, Any]]:
        """The stages in order."""
        found: Sequence[Mapping[str, Any]] = self.given["stages"]
        return found

    def actions(self, stage: int) -> list[Action]:
        """The actions of a stage."""
        return [Action(one) for one in self.stages[stage].get("actions") or ()]

    def find(self, stage: str, action: str) -> Action | None:
        """An action by the names of its stage and its own."""
        for one in self.stages:
            if one["name"] == stage:
                return next((Action(a) for a in one["actions"] if a["name"] == action), None)
        return None

    @property
    def store(self) -> Mapping[str, Any]:
        """The artifact store: its bucket and key."""
        found = self.given.get("artifactStore")
        stores: Mapping[str, Any] = self.given.get("artifactStores") or {}
        one: Mapping[str, Any] = found or stores.get(self.region) or {}
        return one

    def shown(self) -> dict[str, Any]:
        """The structure that GetPipeline answers."""
        return {"executionMode": "SUPERSEDED", "pipelineType": "V1", **self.given, "version": self.version}


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact in the store; ``revision`` is what its source was at."""

    name: str
    bucket: str
    key: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an action. Times in milliseconds; ``token`` is an approval's or a job's."""

    id: str
    stage: str
    action: str
    started: int
    updated: int
    status: str = IN_PROGRESS
    summary: str = ""
    code: str = ""
    external: str = ""
    token: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether it came to its end."""
        return self.status != IN_PROGRESS


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; ``variables`` are its output variables."""

    status: str = SUCCEEDED
    summary: str = ""
    code: str = ""
    external: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def failed(cls, summary: str, code: str = "JobFailed") -> Outcome:
        """A failure and its reason."""
        return cls(FAILED, summary, code)


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a pipeline. ``stage`` is the index of the stage that it is in or waits for.

    ``variables`` are output variables by namespace; ``given`` those of the pipeline itself.
    """

    id: str
    pipeline: str
    name: str
    version: int
    started: int
    updated: int
    trigger: tuple[str, str]
    status: str = IN_PROGRESS
    summary: str = ""
    stage: int = 0
    inside: bool = False
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    attempt: int = 1

    @property
    def open(self) -> bool:
        """Whether it can still go on."""
        return self.status in (IN_PROGRESS, STOPPING)

    def run_of(self, stage: str, action: str) -> Run | None:
        """The latest run of an action."""
        found = [one for one in self.runs if (one.stage, one.action) == (stage, action)]
        return found[-1] if found else None

    def with_run(self, run: Run) -> Execution:
        """With a run, new or changed."""
        known = any(one.id == run.id for one in self.runs)
        runs = tuple(run if one.id == run.id else one for one in self.runs) if known else (*self.runs, run)
        return replace(self, runs=runs)

    def shown(self) -> dict[str, Any]:
        """As ListPipelineExecutions answers it."""
        revisions = [
            {"actionName": one.name, "revisionId": one.revision}
            for one in self.artifacts.values()
            if one.revision
        ]
        return {
            "pipelineExecutionId": self.id, "status": self.status, "statusSummary": self.summary,
            "startTime": moment(self.started / 1000), "lastUpdateTime": moment(self.updated / 1000),
            "sourceRevisions": revisions,
            "trigger": {"triggerType": self.trigger[0], "triggerDetail": self.trigger[1]},
        }  # fmt: skip
