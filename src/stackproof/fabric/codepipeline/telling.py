"""What CodePipeline tells the default bus: state changes of executions, stages and actions.

Source: CodePipeline user guide, "Monitoring CodePipeline events".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stackproof.fabric.clock import iso
from stackproof.fabric.codepipeline.model import Action, Execution, Pipeline, Run

if TYPE_CHECKING:
    from stackproof.fabric.world import World

STATES = {
    "InProgress": "STARTED", "Succeeded": "SUCCEEDED", "Failed": "FAILED", "Superseded": "SUPERSEDED",
    "Cancelled": "CANCELED", "Stopped": "STOPPED", "Stopping": "STOPPING", "Abandoned": "ABANDONED",
}  # fmt: skip


def _common(execution: Execution, state: str) -> dict[str, Any]:
    return {
        "pipeline": execution.name,
        "execution-id": execution.id,
        "start-time": iso(execution.started),
        "state": state,
        "version": float(execution.version),
        "pipeline-execution-attempt": float(execution.attempt),
    }


def _emit(world: World, pipeline: Pipeline, kind: str, detail: dict[str, Any]) -> None:
    world.service("events").emit(
        "aws.codepipeline", f"CodePipeline {kind} Execution State Change", detail, [pipeline.arn],
        account=pipeline.account, region=pipeline.region,
    )  # fmt: skip


def execution(world: World, pipeline: Pipeline, one: Execution, state: str = "") -> None:
    """A pipeline execution began, ended, or goes on."""
    told = state or STATES[one.status]
    trigger = {"trigger-type": one.trigger[0], "trigger-detail": one.trigger[1]}
    detail = {**_common(one, told), "execution-trigger": trigger}
    detail |= (
        {"additional-attributes": {"failedStage": pipeline.stages[one.stage]["name"]}}
        if told == "FAILED"
        else {}
    )
    world.journal.record(
        one.name, "codepipeline.Execution", one.name, {"id": one.id, "state": told}, one.summary
    )
    _emit(world, pipeline, "Pipeline", detail)


def stage(world: World, pipeline: Pipeline, one: Execution, name: str, state: str) -> None:
    """A stage began or ended."""
    detail = {"id": one.id, "stage": name, "state": state}
    world.journal.record(one.name, "codepipeline.Stage", one.name, detail)
    _emit(world, pipeline, "Stage", {**_common(one, state), "stage": name})


def action(world: World, pipeline: Pipeline, one: Execution, declared: Action, run: Run) -> None:
    """An action began or ended."""
    category, owner, provider = declared.kind
    state = STATES[run.status]
    detail = {
        **_common(one, state),
        "stage": run.stage,
        "action": run.action,
        "action-execution-id": run.id,
        "region": pipeline.region,
        "type": {"category": category, "owner": owner, "provider": provider, "version": "1"},
    }
    if run.ended:
        found = {"external-execution-id": run.external, "external-execution-summary": run.summary}
        detail["execution-result"] = {**found, **({"error-code": run.code} if run.code else {})}
    journal = {"id": one.id, "stage": run.stage, "action": run.action, "state": state}
    world.journal.record(one.name, "codepipeline.Action", one.name, journal, run.summary)
    _emit(world, pipeline, "Action", detail)
