"""How executions move: stages in order, actions by RunOrder, one execution in a stage at a time.

Nothing here is a task: every step is work on the agenda, so that an execution that waits for an approval
stands in no snapshot's way. Source: CodePipeline user guide, "How pipeline executions work", "Set or change
the pipeline execution mode", "Configure stage conditions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric.codepipeline import conditions, providers, telling
from stackproof.fabric.codepipeline.model import (
    ABANDONED,
    CANCELLED,
    FAILED,
    IN_PROGRESS,
    STOPPED,
    STOPPING,
    SUCCEEDED,
    SUPERSEDED,
    Action,
    Execution,
    Outcome,
    Pipeline,
    Run,
)
from stackproof.fabric.codepipeline.variables import Unresolved

if TYPE_CHECKING:
    from stackproof.fabric.codepipeline.service import CodePipelineService

Place = tuple[str, str]
"""A pipeline's ARN and the name of one of its stages."""


class Engine:
    """``holders`` says who is in a stage, ``waiting`` who waits for it, ``latest`` who was there last."""

    def __init__(self, service: CodePipelineService) -> None:
        self._service = service
        self._world = service.world
        self.executions: dict[str, Execution] = {}
        self.holders: dict[Place, str] = {}
        self.waiting: dict[Place, tuple[str, ...]] = {}
        self.latest: dict[Place, str] = {}
        self.disabled: dict[Place, str] = {}

    def put(self, execution: Execution) -> Execution:
        """Keep an execution, new or changed."""
        execution = replace(execution, updated=self._world.clock.ms)
        self.executions[execution.id] = execution
        return execution

    def pipeline(self, execution: Execution) -> Pipeline:
        """The pipeline that an execution is of."""
        found: Pipeline = self._service.pipelines[execution.pipeline]
        return found

    def _soon(self, execution: Execution, what: str, action: Any, *args: Any) -> None:
        self._world.scheduler.soon(f"{execution.name} {what}", action, execution.id, *args)

    # Executions.

    def start(
        self,
        pipeline: Pipeline,
        trigger: tuple[str, str],
        given: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> Execution:
        """A new execution; it enters its first stage when the world is driven."""
        now = self._world.clock.ms
        execution = self.put(
            Execution(
                self._world.ids.uuid(), pipeline.arn, pipeline.name, pipeline.version, now, now, trigger,
                given=dict(given or {}), overrides=dict(overrides or {}),
            )
        )  # fmt: skip
        telling.execution(self._world, pipeline, execution)
        self._soon(execution, "enters", self._enter, 0)
        return execution

    def _end(self, execution: Execution, status: str, summary: str = "") -> None:
        """An execution comes to its end, wherever it is."""
        pipeline = self.pipeline(execution)
        place = (execution.pipeline, str(pipeline.stages[execution.stage]["name"]))
        execution = self.put(replace(execution, status=status, summary=summary))
        telling.execution(self._world, pipeline, execution)
        self.waiting[place] = tuple(one for one in self.waiting.get(place, ()) if one != execution.id)
        self._leave(execution, place)

    def cancel_all(self, pipeline: Pipeline) -> None:
        """The pipeline's definition changes: what runs by the old one is cancelled."""
        for one in [one for one in self.executions.values() if one.pipeline == pipeline.arn and one.open]:
            self._end(one, CANCELLED, "The pipeline's definition was updated during the pipeline execution.")

    def stop(self, execution: Execution, reason: str, abandon: bool) -> None:
        """Stop: at once, or when the actions that run have ended."""
        running = [run for run in execution.runs if not run.ended]
        if abandon or not running:
            for run in running:
                execution = self.put(execution.with_run(replace(run, status=ABANDONED)))
            self._end(execution, STOPPED, reason)
            return
        execution = self.put(replace(execution, status=STOPPING, summary=reason))
        telling.execution(self._world, self.pipeline(execution), execution)

    # Stages.

    def _enter(self, identifier: str, index: int) -> None:
        execution = self.executions[identifier]
        if execution.status != IN_PROGRESS:
            return
        pipeline = self.pipeline(execution)
        name = str(pipeline.stages[index]["name"])
        place = (pipeline.arn, name)
        execution = self.put(replace(execution, stage=index, inside=False))
        if pipeline.mode != "PARALLEL" and (place in self.holders or place in self.disabled):
            self._wait(execution, place, pipeline.mode)
            return
        self.holders[place] = self.latest[place] = execution.id
        execution = self.put(replace(execution, inside=True))
        telling.stage(self._world, pipeline, execution, name, "STARTED")
        told = conditions.before(pipeline.stages[index], execution)
        if told.result == "SKIP":
            self._stage_done(execution, "skipped")
        elif told.result:
            self._stage_failed(execution, told.reason)
        else:
            self._next_actions(execution.id, 0)

    def _wait(self, execution: Execution, place: Place, mode: str) -> None:
        before = self.waiting.get(place, ())
        if mode == "SUPERSEDED":
            self.waiting[place] = (execution.id,)
            for one in before:
                self._end(self.executions[one], SUPERSEDED, f"Superseded by {execution.id}")
            self.waiting[place] = (execution.id,)
            return
        self.waiting[place] = (*before, execution.id)

    def _leave(self, execution: Execution, place: Place) -> None:
        """The stage is free for the one that waits for it."""
        if self.holders.get(place) == execution.id:
            del self.holders[place]
        self.admit(place)

    def admit(self, place: Place) -> None:
        """Let the first that waits enter, when nobody is in the stage and its transition is open."""
        waiting = self.waiting.get(place, ())
        if not waiting or place in self.holders or place in self.disabled:
            return
        self.waiting[place] = waiting[1:]
        execution = self.executions[waiting[0]]
        self._soon(execution, "enters", self._enter, execution.stage)

    def _stage_failed(self, execution: Execution, summary: str) -> None:
        name = self._name(execution)
        telling.stage(self._world, self.pipeline(execution), execution, name, "FAILED")
        self._end(execution, FAILED, summary)

    def _stage_done(self, execution: Execution, how: str = "") -> None:
        pipeline = self.pipeline(execution)
        name = self._name(execution)
        telling.stage(self._world, pipeline, execution, name, "SKIPPED" if how else "SUCCEEDED")
        if execution.stage + 1 == len(pipeline.stages):
            self._end(execution, SUCCEEDED)
            return
        self._leave(execution, (pipeline.arn, name))
        execution = self.put(replace(execution, stage=execution.stage + 1, inside=False))
        self._soon(execution, "enters", self._enter, execution.stage)

    def _name(self, execution: Execution) -> str:
        return str(self.pipeline(execution).stages[execution.stage]["name"])

    # Actions.

    def _next_actions(self, identifier: str, after: int) -> None:
        """Start the actions of the next RunOrder, or end the stage when there is none."""
        execution = self.executions[identifier]
        if execution.status != IN_PROGRESS:
            return
        actions = self.pipeline(execution).actions(execution.stage)
        orders = sorted({one.order for one in actions if one.order > after})
        if not orders:
            self._stage_done(execution)
            return
        for action in [one for one in actions if one.order == orders[0]]:
            self._begin(execution.id, action)

    def _begin(self, identifier: str, action: Action) -> None:
        execution = self.executions[identifier]
        now = self._world.clock.ms
        unique = self._world.ids.uuid()
        run = Run(unique, self._name(execution), action.name, now, now)
        execution = self.put(execution.with_run(run))
        telling.action(self._world, self.pipeline(execution), execution, action, run)
        self._soon(execution, action.name, self._perform, unique)

    def _perform(self, identifier: str, unique: str) -> None:
        execution = self.executions[identifier]
        run = next(one for one in execution.runs if one.id == unique)
        if not execution.open or run.ended:
            return
        pipeline = self.pipeline(execution)
        action = pipeline.find(run.stage, run.action)
        assert action is not None  # an execution is cancelled when its pipeline changes
        try:
            outcome = providers.perform(self._service, pipeline, execution, action, run)
        except Unresolved as error:
            text = f"An action in this pipeline failed because the variable {error} could not be resolved"
            outcome = Outcome.failed(text, "ConfigurationError")
        if outcome is not None:
            self.finish(identifier, unique, outcome)

    def finish(self, identifier: str, unique: str, outcome: Outcome) -> None:
        """A run came to its end; what the execution became meanwhile decides what follows."""
        execution = self.executions[identifier]
        before = next(one for one in execution.runs if one.id == unique)
        if before.ended:
            return
        run = replace(
            before, status=outcome.status, summary=outcome.summary, code=outcome.code,
            external=outcome.external or before.external, outputs=dict(outcome.variables),
            updated=self._world.clock.ms,
        )  # fmt: skip
        pipeline = self.pipeline(execution)
        action = pipeline.find(run.stage, run.action)
        if action is None:  # the pipeline has been changed meanwhile, and with it the execution was cancelled
            self.put(execution.with_run(run))
            return
        namespace = str(action.given.get("namespace") or "")
        known = (
            {**execution.variables, namespace: dict(outcome.variables)} if namespace else execution.variables
        )
        execution = self.put(replace(execution.with_run(run), variables=known))
        telling.action(self._world, pipeline, execution, action, run)
        if execution.open:
            self._settle(execution, action.order)

    def _settle(self, execution: Execution, order: int) -> None:
        """When all actions of a RunOrder have ended: on, or the end of the stage."""
        actions = [a for a in self.pipeline(execution).actions(execution.stage) if a.order == order]
        name = self._name(execution)
        runs = [execution.run_of(name, one.name) for one in actions]
        if any(run is None or not run.ended for run in runs):
            return
        failed = [run for run in runs if run is not None and run.status != SUCCEEDED]
        if execution.status == STOPPING:
            self._end(execution, STOPPED, execution.summary)
        elif failed:
            self._stage_failed(execution, f"{name}/{failed[0].action}: {failed[0].summary}")
        else:
            self._soon(execution, f"goes on in {name}", self._next_actions, order)

    def retry(self, execution: Execution, stage: str, whole: bool) -> None:
        """Once more what failed in a stage (with ``whole`` every action of it)."""
        pipeline = self.pipeline(execution)
        place = (pipeline.arn, stage)
        execution = self.put(
            replace(execution, status=IN_PROGRESS, summary="", attempt=execution.attempt + 1, inside=True)
        )
        self.holders[place] = execution.id
        telling.execution(self._world, pipeline, execution, "RESUMED")
        telling.stage(self._world, pipeline, execution, stage, "RESUMED")
        actions = pipeline.actions(execution.stage)
        again = [
            one for one in actions if (run := execution.run_of(stage, one.name)) and run.status == FAILED
        ]
        if whole or not again:
            self._next_actions(execution.id, 0)
            return
        for action in again:
            self._begin(execution.id, action)

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen: shallow copies do."""
        return tuple(
            dict(one) for one in (self.executions, self.holders, self.waiting, self.latest, self.disabled)
        )

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        executions, holders, waiting, latest, disabled = state
        self.executions, self.holders, self.waiting = dict(executions), dict(holders), dict(waiting)
        self.latest, self.disabled = dict(latest), dict(disabled)
