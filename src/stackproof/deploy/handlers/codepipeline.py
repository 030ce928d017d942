"""AWS CodePipeline. Whether pipelines run is the backend's capability ``pipelines``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.codebuild import LACKING
from stackproof.deploy.model import Made
from stackproof.deploy.promotion import Promotion
from stackproof.fabric import arns
from stackproof.fabric.codepipeline.conditions import EMULATED
from stackproof.fabric.codepipeline.providers import PERFORMERS

_TABLE = {
    "ArtifactStore": "artifactStore", "ArtifactStores": "artifactStores", "ExecutionMode": "executionMode",
    "PipelineType": "pipelineType", "RoleArn": "roleArn", "Stages": "stages", "Triggers": "triggers",
    "Variables": "variables",
}  # fmt: skip


class Pipeline(Handler):
    """``AWS::CodePipeline::Pipeline``."""

    type = "AWS::CodePipeline::Pipeline"
    covers = frozenset(_TABLE) | {
        "Name", "Tags", "RestartExecutionOnUpdate", "DisableInboundStageTransitions",
    }  # fmt: skip

    def create(self, job: Job) -> Made:
        """CreatePipeline; its first execution starts."""
        name = job.name("Name")
        arn = arns.arn("codepipeline", job.place.region, job.place.account, name)
        attributes = {"Arn": arn, "Version": "1"}
        if "pipelines" not in job.backend.capabilities:
            job.not_emulated("Stages", LACKING)
            return Made(name, attributes, {"pretended": True})
        world: Any = job.backend
        service = world.world.service("codepipeline")
        service.stacks = service.stacks or Promotion(job.deployer)
        tags = job.tag_list("key", "value")
        job.call(
            "codepipeline", "create_pipeline", {"pipeline": self._wanted(job, name), "tags": tags or None}
        )
        self._transitions(job, name)
        self._verdict(job)
        return Made(name, attributes)

    def update(self, job: Job, made: Made) -> Made:
        """UpdatePipeline when anything but the tags changed; then a new execution where it is asked for."""
        if made.notes.get("pretended"):
            return made
        arn, name = made.attributes["Arn"], made.physical_id
        if job.changed(*_TABLE):
            job.call("codepipeline", "update_pipeline", {"pipeline": self._wanted(job, name)})
            if str(job.get("RestartExecutionOnUpdate", False)).lower() == "true":
                job.call("codepipeline", "start_pipeline_execution", {"name": name})
        if job.removed_tags():
            params = {"resourceArn": arn, "tagKeys": job.removed_tags()}
            job.call("codepipeline", "untag_resource", params)
        if job.changed("Tags") and job.tags():
            params = {"resourceArn": arn, "tags": job.tag_list("key", "value")}
            job.call("codepipeline", "tag_resource", params)
        if job.changed("DisableInboundStageTransitions"):
            self._transitions(job, name)
        self._verdict(job)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeletePipeline."""
        if not made.notes.get("pretended"):
            job.call("codepipeline", "delete_pipeline", {"name": made.physical_id})

    @staticmethod
    def _wanted(job: Job, name: str) -> dict[str, Any]:
        return {to: value for to, value in job.pick(_TABLE).items() if value is not None} | {"name": name}

    @staticmethod
    def _transitions(job: Job, name: str) -> None:
        wanted = {one["StageName"]: one["Reason"] for one in job.get("DisableInboundStageTransitions") or ()}
        before = (job.before or {}).get("DisableInboundStageTransitions") or ()
        place = {"pipelineName": name, "transitionType": "Inbound"}
        for stage, reason in wanted.items():
            params = {**place, "stageName": stage, "reason": reason}
            job.call("codepipeline", "disable_stage_transition", params)
        for one in before:
            if one["StageName"] not in wanted:
                params = {**place, "stageName": one["StageName"]}
                job.call("codepipeline", "enable_stage_transition", params)

    @staticmethod
    def _verdict(job: Job) -> None:
        """Name what an execution would stop at, or what nobody looks at."""
        for stage in job.get("Stages") or ():
            name = stage.get("Name")
            for path, reason in (*_conditions(stage), *_actions(stage, job)):
                job.left_out(f"Stages.{name}.{path}", reason)
        for trigger in job.get("Triggers") or ():
            if (trigger.get("GitConfiguration") or {}).get("PullRequest"):
                job.left_out("Triggers.GitConfiguration.PullRequest", "nobody opens pull requests here")


def _conditions(stage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Conditions of a stage that nobody looks at, each with the reason."""
    for part in ("OnSuccess", "OnFailure", "Blockers"):
        if stage.get(part):
            yield part, "stages have conditions before their entry only"
    for condition in (stage.get("BeforeEntry") or {}).get("Conditions") or ():
        for rule in condition.get("Rules") or ():
            provider = rule["RuleTypeId"]["Provider"]
            if provider not in EMULATED:
                yield rule["Name"], f"rule {provider} is not emulated"


def _actions(stage: Mapping[str, Any], job: Job) -> Iterator[tuple[str, str]]:
    """Actions of a stage that an execution stops at, each with the reason."""
    for action in stage.get("Actions") or ():
        kind, given = action["ActionTypeId"], action.get("Configuration") or {}
        key = (kind["Category"], kind["Owner"], kind["Provider"])
        reason = "" if key in PERFORMERS else f"{'/'.join(key)} is not emulated"
        polls = str(given.get("PollForSourceChanges", "true")).lower()
        if key == ("Source", "AWS", "S3") and polls == "true":
            reason = "buckets are not polled: a rule or a call starts it"
        if given.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
            reason = f"OutputArtifactFormat {given['OutputArtifactFormat']} is not emulated"
        if str(given.get("BatchEnabled", "false")).lower() == "true":
            reason = "batch builds are not emulated"
        if key[2] == "CloudFormation" and _elsewhere(action, job):
            reason = "stacks of another account or region are not deployed"
        if reason:
            yield action["Name"], reason


def _elsewhere(action: Mapping[str, Any], job: Job) -> bool:
    role = arns.parse(str(action.get("RoleArn") or ""))
    place = job.place
    return action.get("Region", place.region) != place.region or (
        role is not None and role.account != place.account
    )
