"""The service CodePipeline: pipelines, executions, approvals, jobs.

A new pipeline starts at once, as on AWS; its first execution fails when its source is still empty. Source:
CodePipeline API reference and user guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.errors import UsageError
from stackproof.fabric import arns
from stackproof.fabric.codepipeline import states
from stackproof.fabric.codepipeline.engine import Engine
from stackproof.fabric.codepipeline.jobs import Jobs
from stackproof.fabric.codepipeline.model import Execution, Outcome, Pipeline
from stackproof.fabric.codepipeline.stacks import Stacks, Wanted
from stackproof.fabric.events.model import moment
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_NAME = re.compile(r"[A-Za-z0-9.@\-_]{1,100}")
CONNECTION = "CodeStarSourceConnection"


class CodePipelineService:
    """One instance serves all accounts and regions. ``pipelines`` are kept by ARN.

    ``changes`` are change sets by (account, region, stack, name); ``stacks`` is the deploy room's part.
    """

    name = "codepipeline"

    def __init__(self, world: World) -> None:
        self.world = world
        self.pipelines: dict[str, Pipeline] = {}
        self.changes: dict[tuple[str, str, str, str], Wanted] = {}
        self.stacks: Stacks | None = None
        self._tags: dict[str, dict[str, str]] = {}
        self.engine = Engine(self)
        self.jobs = Jobs(self)
        self.operations: Mapping[str, Operation] = {
            "CreatePipeline": self.create,
            "UpdatePipeline": self.update,
            "GetPipeline": self.get,
            "DeletePipeline": self.delete,
            "ListPipelines": self.list,
            "GetPipelineState": self.state,
            "GetPipelineExecution": self.execution,
            "ListPipelineExecutions": self.executions,
            "ListActionExecutions": self.action_executions,
            "StartPipelineExecution": self.start,
            "StopPipelineExecution": self.stop,
            "RetryStageExecution": self.retry,
            "EnableStageTransition": self.enable,
            "DisableStageTransition": self.disable,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
            **self.jobs.operations,
        }

    # What a test does.

    def answer(self, pipeline: str, *, approved: bool = True, summary: str = "", action: str = "") -> None:
        """Answer the approval that a pipeline waits for, as somebody who may. Raises ``UsageError``."""
        caller = self.world.caller()
        found = self.pipeline(pipeline, caller)
        waiting = [
            (run.stage, run.action, run.token)
            for execution in self.of(found)
            for run in execution.runs
            if execution.open and not run.ended and run.token and action in ("", run.action)
            and (declared := found.find(run.stage, run.action)) and declared.kind[0] == "Approval"
        ]  # fmt: skip
        if len(waiting) != 1:
            shown = ", ".join(f"{stage}/{name}" for stage, name, _ in waiting) or "none"
            raise UsageError(f"one approval of {pipeline} is answered, and there wait: {shown}")
        ((stage, name, token),) = waiting
        result = {"status": "Approved" if approved else "Rejected", "summary": summary}
        params = {"pipelineName": pipeline, "stageName": stage, "actionName": name, "token": token}
        self.world.call("codepipeline", "PutApprovalResult", {**params, "result": result}, caller)

    # Pipelines.

    def pipeline(self, name: str, caller: Caller) -> Pipeline:
        """The pipeline of a name; raises PipelineNotFoundException."""
        found = self.pipelines.get(_arn(name, caller))
        if found is None:
            raise ServiceError(
                "PipelineNotFoundException",
                f"Account '{caller.account}' does not have a pipeline with name '{name}'",
            )
        return found

    def create(self, params: Params, caller: Caller) -> Response:
        """A pipeline; its first execution starts."""
        given = params["pipeline"]
        arn = _arn(given["name"], caller)
        _check(given)
        if arn in self.pipelines:
            raise ServiceError(
                "PipelineNameInUseException", f"A pipeline with the name '{given['name']}' exists"
            )
        now = self.world.clock.now
        made = Pipeline(given["name"], arn, caller.account, caller.region, now, now, dict(given))
        self.pipelines[arn] = made
        tags = {tag["key"]: tag["value"] for tag in params.get("tags") or ()}
        self._tags[arn] = tags
        self.engine.start(made, ("CreatePipeline", caller.arn))
        return {"pipeline": made.shown(), "tags": _listed(tags)}

    def update(self, params: Params, caller: Caller) -> Response:
        """Another structure: what runs by the former one is cancelled."""
        given = params["pipeline"]
        found = self.pipeline(given["name"], caller)
        _check(given)
        self.engine.cancel_all(found)
        changed = replace(found, given=dict(given), version=found.version + 1, updated=self.world.clock.now)
        self.pipelines[found.arn] = changed
        return {"pipeline": changed.shown()}

    def get(self, params: Params, caller: Caller) -> Response:
        """One pipeline."""
        found = self.pipeline(params["name"], caller)
        times = {"created": moment(found.created), "updated": moment(found.updated)}
        return {"pipeline": found.shown(), "metadata": {"pipelineArn": found.arn, **times}}

    def delete(self, params: Params, caller: Caller) -> Response:
        """A pipeline with its executions; one that is not there is no error."""
        arn = _arn(params["name"], caller)
        found = self.pipelines.get(arn)
        if found is not None:
            self.engine.cancel_all(found)
            del self.pipelines[arn]
            self._tags.pop(arn, None)
        return {}

    def list(self, params: Params, caller: Caller) -> Response:
        """Those of the account and region."""
        mine = [one for arn, one in sorted(self.pipelines.items()) if arn.startswith(_arn("", caller))]
        return {"pipelines": [_summary(one) for one in mine]}

    # Executions.

    def start(self, params: Params, caller: Caller) -> Response:
        """A new execution: ``variables`` of the pipeline, ``sourceRevisions`` by source action."""
        found = self.pipeline(params["name"], caller)
        declared = {one["name"]: one.get("defaultValue") for one in found.given.get("variables") or ()}
        given = {one["name"]: one["value"] for one in params.get("variables") or ()}
        strange = sorted(set(given) - set(declared))
        if strange:
            raise ServiceError("ValidationException", f"Pipeline {found.name} has no variable {strange[0]}")
        values = {name: text for name, text in {**declared, **given}.items() if text is not None}
        revisions = {one["actionName"]: one["revisionValue"] for one in params.get("sourceRevisions") or ()}
        by_rule = ":rule/" in caller.source_arn
        trigger = (
            ("CloudWatchEvent", caller.source_arn) if by_rule else ("StartPipelineExecution", caller.arn)
        )
        return {"pipelineExecutionId": self.engine.start(found, trigger, values, revisions).id}

    def pushed(self, repository: str, branch: str, commit: str, changed: tuple[str, ...]) -> None:
        """A repository elsewhere moved: the pipelines that listen to it start."""
        for found in [*self.pipelines.values()]:
            for action in found.actions(0):
                given = action.configuration
                mine = action.kind[2] == CONNECTION and given.get("FullRepositoryId") == repository
                if mine and states.listens(found, action, branch, changed):
                    connection = self.world.service("codeconnections").connections.get(given["ConnectionArn"])
                    if connection is not None and connection.status == "AVAILABLE":
                        self.engine.start(found, ("WebhookV2", given["ConnectionArn"]))

    def moved(self, account: str, region: str, repository: str, branch: str) -> None:
        """A repository of CodeCommit moved: the pipelines that poll it notice."""
        for found in [*self.pipelines.values()]:
            for action in found.actions(0):
                given = action.configuration
                wanted = ("CodeCommit", repository, branch, account, region)
                place = (action.kind[2], given.get("RepositoryName"), given.get("BranchName"))
                if (*place, found.account, found.region) == wanted and _polls(given):
                    self.engine.start(found, ("PollForSourceChanges", action.name))

    def of(self, pipeline: Pipeline) -> Sequence[Execution]:
        """The executions of a pipeline, the latest first."""
        return [one for one in self.engine.executions.values() if one.pipeline == pipeline.arn][::-1]

    def _execution(self, params: Params, caller: Caller) -> Execution:
        found = self.pipeline(params["pipelineName"], caller)
        execution = self.engine.executions.get(params["pipelineExecutionId"])
        if execution is None or execution.pipeline != found.arn:
            raise ServiceError("PipelineExecutionNotFoundException", "The pipeline execution was not found")
        return execution

    def execution(self, params: Params, caller: Caller) -> Response:
        """One execution."""
        return {"pipelineExecution": states.execution(self._execution(params, caller))}

    def executions(self, params: Params, caller: Caller) -> Response:
        """The executions of a pipeline, the latest first."""
        found = self.pipeline(params["pipelineName"], caller)
        return {"pipelineExecutionSummaries": [one.shown() for one in self.of(found)]}

    def action_executions(self, params: Params, caller: Caller) -> Response:
        """Every run of every action, the latest first."""
        found = self.pipeline(params["pipelineName"], caller)
        wanted = (params.get("filter") or {}).get("pipelineExecutionId")
        chosen = [one for one in self.of(found) if wanted in (None, one.id)]
        return {"actionExecutionDetails": [row for one in chosen for row in states.runs(found, one)]}

    def state(self, params: Params, caller: Caller) -> Response:
        """Where every stage stands."""
        found = self.pipeline(params["name"], caller)
        return states.pipeline(found, self.engine)

    def stop(self, params: Params, caller: Caller) -> Response:
        """Stop an execution that runs."""
        execution = self._execution(params, caller)
        if not execution.open:
            raise ServiceError("PipelineExecutionNotStoppableException", "The execution is not in progress")
        self.engine.stop(execution, params.get("reason") or "", bool(params.get("abandon")))
        return {"pipelineExecutionId": execution.id}

    def retry(self, params: Params, caller: Caller) -> Response:
        """Once more what failed in a stage of the latest execution there."""
        execution = self._execution(params, caller)
        found, stage = self.pipelines[execution.pipeline], params["stageName"]
        if self.engine.latest.get((found.arn, stage)) != execution.id:
            raise ServiceError(
                "NotLatestPipelineExecutionException", "A later execution has been in the stage"
            )
        if execution.status != "Failed" or found.stages[execution.stage]["name"] != stage:
            raise ServiceError("StageNotRetryableException", f"The stage {stage} has not failed")
        self.engine.retry(execution, stage, params["retryMode"] == "ALL_ACTIONS")
        return {"pipelineExecutionId": execution.id}

    def enable(self, params: Params, caller: Caller) -> Response:
        """Open the transition into a stage."""
        place = self._transition(params, caller)
        self.engine.disabled.pop(place, None)
        self.engine.admit(place)
        return {}

    def disable(self, params: Params, caller: Caller) -> Response:
        """Close the transition into a stage."""
        self.engine.disabled[self._transition(params, caller)] = params["reason"]
        return {}

    def _transition(self, params: Params, caller: Caller) -> tuple[str, str]:
        found = self.pipeline(params["pipelineName"], caller)
        if params["stageName"] not in [one["name"] for one in found.stages]:
            raise ServiceError("StageNotFoundException", f"There is no stage {params['stageName']}")
        return found.arn, params["stageName"]

    # Timers.

    def expire(self, execution: str, run: str) -> None:
        """An approval or a job that nobody ended in time."""
        if self.waits(execution, run)():
            self.engine.finish(execution, run, Outcome.failed("The action timed out", "Timeout"))

    def waits(self, execution: str, run: str) -> Callable[[], bool]:
        """Whether a run is still waited for."""

        def waiting() -> bool:
            found = self.engine.executions.get(execution)
            return found is not None and found.open and any(r.id == run and not r.ended for r in found.runs)

        return waiting

    # Tags.

    def tag(self, params: Params, caller: Caller) -> Response:
        """Add or change tags."""
        found = self._tags.setdefault(params["resourceArn"], {})
        found.update({tag["key"]: tag["value"] for tag in params["tags"]})
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        for key in params["tagKeys"]:
            self._tags.get(params["resourceArn"], {}).pop(key, None)
        return {}

    def list_tags(self, params: Params, caller: Caller) -> Response:
        """The tags of a pipeline."""
        return {"tags": _listed(self._tags.get(params["resourceArn"], {}))}

    def close(self) -> None:
        """The end of the world."""
        if self.stacks is not None:
            self.stacks.close()

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen but the tags."""
        tags = {arn: dict(found) for arn, found in self._tags.items()}
        return dict(self.pipelines), dict(self.changes), self.stacks, tags, self.engine.snapshot()

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        pipelines, changes, self.stacks, tags, engine = state
        self.pipelines, self.changes = dict(pipelines), dict(changes)
        self._tags = {arn: dict(found) for arn, found in tags.items()}
        self.engine.restore(engine)


def _arn(name: str, caller: Caller) -> str:
    return arns.arn("codepipeline", caller.region, caller.account, name)


def _polls(given: Mapping[str, str]) -> bool:
    return str(given.get("PollForSourceChanges", "true")).lower() == "true"


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _summary(one: Pipeline) -> dict[str, Any]:
    shown = one.shown()
    return {
        "name": one.name, "version": one.version, "created": moment(one.created),
        "updated": moment(one.updated), "pipelineType": shown["pipelineType"],
        "executionMode": shown["executionMode"],
    }  # fmt: skip


def _check(given: Mapping[str, Any]) -> None:
    """What CreatePipeline and UpdatePipeline refuse of a structure."""

    def refuse(text: str) -> ServiceError:
        return ServiceError("InvalidStructureException", text)

    if not _NAME.fullmatch(given["name"]):
        raise refuse(f"The pipeline name {given['name']} is not valid")
    stages = given["stages"]
    if len(stages) < 2:
        raise refuse("Pipeline has less than 2 stages")
    names = [one["name"] for one in stages]
    if len(set(names)) != len(names):
        raise refuse("Stage names must be unique within a pipeline")
    made: set[str] = set()
    for index, stage in enumerate(stages):
        for action in sorted(stage["actions"], key=lambda one: one.get("runOrder") or 1):
            source = action["actionTypeId"]["category"] == "Source"
            if source is not (index == 0):
                raise refuse("The first stage, and only that, must contain actions of the type Source")
            for one in action.get("inputArtifacts") or ():
                if one["name"] not in made:
                    raise refuse(
                        f"Action {action['name']} has an input artifact {one['name']} that is not provided"
                    )
            made |= {one["name"] for one in action.get("outputArtifacts") or ()}
