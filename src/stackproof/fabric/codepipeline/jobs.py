"""Approvals and jobs: what somebody outside tells of the end of an action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stackproof.fabric.codepipeline.model import Execution, Outcome, Run
from stackproof.fabric.codepipeline.providers.act import Act
from stackproof.fabric.codepipeline.providers.invokes import invoke
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.codepipeline.service import CodePipelineService

AGAIN = 30.0
"""Virtual seconds until a job that goes on is handed to its function again."""


class Jobs:
    """Operations on approvals and on jobs of functions."""

    def __init__(self, service: CodePipelineService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "PutApprovalResult": self.approve,
            "PutJobSuccessResult": self.succeed,
            "PutJobFailureResult": self.fail,
            "GetJobDetails": self.details,
        }

    def approve(self, params: Params, caller: Caller) -> Response:
        """Approved, or Rejected: then the stage fails."""
        found = self._service.pipeline(params["pipelineName"], caller)
        stage, action = params["stageName"], params["actionName"]
        if found.find(stage, action) is None:
            raise ServiceError("ActionNotFoundException", f"There is no action {action} in stage {stage}")
        runs = [
            (execution, run)
            for execution in self._service.of(found)
            for run in execution.runs
            if (run.stage, run.action, run.token) == (stage, action, params["token"])
        ]
        if not runs:
            raise ServiceError(
                "InvalidApprovalTokenException", "The approval request has already been handled"
            )
        execution, run = runs[0]
        if run.ended or not execution.open:
            raise ServiceError("ApprovalAlreadyCompletedException", "The approval action has been completed")
        result = params["result"]
        good = result["status"] == "Approved"
        summary = result.get("summary") or ""
        outcome = Outcome(summary=summary) if good else Outcome.failed(summary or "Rejected", "Rejected")
        self._service.engine.finish(execution.id, run.id, outcome)
        return {"approvedAt": self._service.world.clock.datetime()}

    def _job(self, name: str) -> tuple[Execution, Run]:
        for execution in self._service.engine.executions.values():
            for run in execution.runs:
                if run.id == name and run.token == name:
                    return execution, run
        raise ServiceError("JobNotFoundException", f"There is no job {name}")

    def _open(self, name: str) -> tuple[Execution, Run]:
        execution, run = self._job(name)
        if run.ended or not execution.open:
            raise ServiceError("InvalidJobStateException", f"The job {name} is not in progress")
        return execution, run

    def succeed(self, params: Params, caller: Caller) -> Response:
        """The job is done; with a continuation token its function is asked again."""
        execution, run = self._open(params["jobId"])
        token = params.get("continuationToken") or ""
        if token:
            self._service.world.scheduler.after(
                AGAIN, f"{execution.name} job {run.action}", self.again, execution.id, run.id, token
            )
            return {}
        told = params.get("executionDetails") or {}
        outcome = Outcome(
            summary=told.get("summary") or "", external=told.get("externalExecutionId") or "",
            variables=dict(params.get("outputVariables") or {}),
        )  # fmt: skip
        self._service.engine.finish(execution.id, run.id, outcome)
        return {}

    def again(self, identifier: str, unique: str, token: str) -> None:
        """Hand a job to its function again."""
        if not self._service.waits(identifier, unique)():
            return
        execution = self._service.engine.executions[identifier]
        run = next(one for one in execution.runs if one.id == unique)
        pipeline = self._service.pipelines[execution.pipeline]
        action = pipeline.find(run.stage, run.action)
        assert action is not None  # a change of the pipeline would have cancelled the execution
        act = Act(self._service, pipeline, execution, action, run)
        invoke(act, {name: execution.artifacts[name] for name in action.outputs}, token)

    def fail(self, params: Params, caller: Caller) -> Response:
        """The job failed."""
        execution, run = self._open(params["jobId"])
        told = params["failureDetails"]
        self._service.engine.finish(execution.id, run.id, Outcome.failed(told["message"], told["type"]))
        return {}

    def details(self, params: Params, caller: Caller) -> Response:
        """Whose job it is."""
        execution, _ = self._job(params["jobId"])
        account = self._service.pipelines[execution.pipeline].account
        return {"jobDetails": {"id": params["jobId"], "accountId": account}}
