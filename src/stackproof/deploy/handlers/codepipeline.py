"""AWS CodePipeline. Whether pipelines run is the backend's capability ``pipelines``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

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
    inert: ClassVar[Mapping[str, str]] = {}

    def create(self, job: Job) -> Made:
        """CreatePipeline; its first execution starts."""
        name = job.name("Name")
        arn = arns.arn("codepipeline", job.place.region, job.place.account, name)
        attributes = {"Arn": arn, "Version": "1"}
        if "pipelines" not in job.backend.capabilities:
            job.not_emulated("Stages", LACKING)
            return Made(name, attributes, {"pretended": True})
        world: Any = job.backend
        world.world.service("codepipeline").stacks = Promotion(job.deployer)
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
            for part in ("OnSuccess", "OnFailure", "Blockers"):
                if stage.get(part):
                    job.left_out(f"Stages.{name}.{part}", "stages have conditions before their entry only")
            for condition in (stage.get("BeforeEntry") or {}).get("Conditions") or ():
                for rule in condition.get("Rules") or ():
                    provider = rule["RuleTypeId"]["Provider"]
                    if provider not in EMULATED:
                        job.left_out(f"Stages.{name}.{rule['Name']}", f"rule {provider} is not emulated")
            for action in stage.get("Actions") or ():
                kind = action["ActionTypeId"]
                key = (kind["Category"], kind["Owner"], kind["Provider"])
                if key not in PERFORMERS:
                    job.left_out(f"Stages.{name}.{action['Name']}", f"{'/'.join(key)} is not emulated")
                polls = str((action.get("Configuration") or {}).get("PollForSourceChanges", "true")).lower()
                if key == ("Source", "AWS", "S3") and polls == "true":
                    job.left_out(
                        f"Stages.{name}.{action['Name']}", "buckets are not polled: a rule starts it"
                    )
        for trigger in job.get("Triggers") or ():
            if (trigger.get("GitConfiguration") or {}).get("PullRequest"):
                job.left_out("Triggers.GitConfiguration.PullRequest", "nobody opens pull requests here")
