"""How pipelines and executions are shown, and which pushes a pipeline listens to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from stackproof.fabric.codepipeline.model import Action, Execution, Pipeline, Run
from stackproof.fabric.events.model import moment

if TYPE_CHECKING:
    from stackproof.fabric.codepipeline.engine import Engine


def execution(one: Execution) -> dict[str, Any]:
    """As GetPipelineExecution answers it."""
    revisions = [
        {"name": artifact.name, "revisionId": artifact.revision}
        for artifact in one.artifacts.values()
        if artifact.revision
    ]
    return {
        "pipelineName": one.name, "pipelineVersion": one.version, "pipelineExecutionId": one.id,
        "status": one.status, "statusSummary": one.summary, "artifactRevisions": revisions,
        "variables": [{"name": name, "resolvedValue": value} for name, value in one.given.items()],
        "trigger": {"triggerType": one.trigger[0], "triggerDetail": one.trigger[1]},
    }  # fmt: skip


def runs(pipeline: Pipeline, one: Execution) -> list[dict[str, Any]]:
    """As ListActionExecutions answers them, the latest first."""
    found = []
    for run in reversed(one.runs):
        result: dict[str, Any] = {
            "externalExecutionId": run.external,
            "externalExecutionSummary": run.summary,
        }
        if run.code:
            result["errorDetails"] = {"code": run.code, "message": run.summary}
        found.append(
            {
                "pipelineExecutionId": one.id, "actionExecutionId": run.id, "pipelineVersion": one.version,
                "stageName": run.stage, "actionName": run.action, "status": run.status,
                "startTime": moment(run.started / 1000), "lastUpdateTime": moment(run.updated / 1000),
                "output": {"executionResult": result, "outputVariables": dict(run.outputs)},
            }
        )  # fmt: skip
    return found


def pipeline(one: Pipeline, engine: Engine) -> dict[str, Any]:
    """As GetPipelineState answers it."""
    stages = []
    for index, stage in enumerate(one.stages):
        place = (one.arn, str(stage["name"]))
        latest = engine.executions.get(engine.latest.get(place, ""))
        reason = engine.disabled.get(place)
        transition: dict[str, Any] = {"enabled": reason is None}
        if reason is not None:
            transition["disabledReason"] = reason
        shown: dict[str, Any] = {"stageName": stage["name"], "inboundTransitionState": transition}
        shown["actionStates"] = [_action(action, place[1], latest) for action in one.actions(index)]
        if latest is not None:
            status = _stage_status(latest, index, [run for run in latest.runs if run.stage == place[1]])
            shown["latestExecution"] = {"pipelineExecutionId": latest.id, "status": status}
        stages.append(shown)
    times = {"created": moment(one.created), "updated": moment(one.updated)}
    return {"pipelineName": one.name, "pipelineVersion": one.version, "stageStates": stages, **times}


def _stage_status(latest: Execution, index: int, of_stage: list[Run]) -> str:
    if latest.stage > index:
        return "Succeeded"
    return latest.status if latest.inside or of_stage else "InProgress"


def _action(action: Action, stage: str, latest: Execution | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"actionName": action.name}
    run = latest.run_of(stage, action.name) if latest is not None else None
    if run is None:
        return shown
    found: dict[str, Any] = {
        "actionExecutionId": run.id, "status": run.status, "summary": run.summary,
        "lastStatusChange": moment(run.updated / 1000), "externalExecutionId": run.external,
    }  # fmt: skip
    if run.token and not run.ended and action.kind[0] == "Approval":
        found["token"] = run.token
    if run.code:
        found["errorDetails"] = {"code": run.code, "message": run.summary}
    return {**shown, "latestExecution": found}


def listens(one: Pipeline, action: Action, branch: str, changed: Sequence[str]) -> bool:
    """Whether a push to a branch starts a pipeline: by its triggers, without any by DetectChanges."""
    triggers = [
        trigger["gitConfiguration"]
        for trigger in one.given.get("triggers") or ()
        if trigger["gitConfiguration"]["sourceActionName"] == action.name
    ]
    if not triggers:
        detects = str(action.configuration.get("DetectChanges", "true")).lower() == "true"
        return detects and action.configuration.get("BranchName") == branch
    wanted: list[Mapping[str, Any]] = [push for one in triggers for push in one.get("push") or [{}]]
    return any(_pushes(push, branch, changed) for push in wanted)


def _pushes(push: Mapping[str, Any], branch: str, changed: Sequence[str]) -> bool:
    if push.get("tags"):
        return False
    if not _let_in(push.get("branches"), [branch]):
        return False
    return _let_in(push.get("filePaths"), changed)


def _let_in(wanted: Mapping[str, Any] | None, names: Sequence[str]) -> bool:
    """Whether a name is let in by ``includes`` and not kept out by ``excludes``."""
    if not wanted:
        return True
    includes, excludes = wanted.get("includes") or ["*"], wanted.get("excludes") or []
    return any(_any(name, includes) and not _any(name, excludes) for name in names)


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern.replace("**", "*")) for pattern in patterns)
