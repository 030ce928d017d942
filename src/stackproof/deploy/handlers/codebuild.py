"""AWS CodeBuild. Whether builds run is the backend's capability ``pipelines``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made
from stackproof.fabric import arns
from stackproof.fabric.codebuild.sources import ELSEWHERE

LACKING = "builds and pipelines do not run on this backend"
_TABLE = {
    "Artifacts": "artifacts", "BadgeEnabled": "badgeEnabled", "Cache": "cache",
    "ConcurrentBuildLimit": "concurrentBuildLimit", "Description": "description",
    "EncryptionKey": "encryptionKey", "Environment": "environment",
    "FileSystemLocations": "fileSystemLocations", "LogsConfig": "logsConfig",
    "QueuedTimeoutInMinutes": "queuedTimeoutInMinutes", "SecondaryArtifacts": "secondaryArtifacts",
    "SecondarySources": "secondarySources", "ServiceRole": "serviceRole", "Source": "source",
    "SourceVersion": "sourceVersion", "TimeoutInMinutes": "timeoutInMinutes", "VpcConfig": "vpcConfig",
}  # fmt: skip
_KINDS = ELSEWHERE | {"CODECOMMIT", "CODEPIPELINE", "NO_SOURCE", "S3"}


class Project(Handler):
    """``AWS::CodeBuild::Project``."""

    type = "AWS::CodeBuild::Project"
    covers = frozenset(_TABLE) | {"Name", "Tags"}
    inert: ClassVar[Mapping[str, str]] = {
        "BadgeEnabled": "no badge is shown",
        "Cache": "every build begins with an empty cache",
        "ConcurrentBuildLimit": "builds are not limited in number",
        "FileSystemLocations": "no file system is mounted into builds",
        "SecondarySources": "only CodePipeline gives a build more than one source",
        "VpcConfig": "builds run on this machine",
    }

    def create(self, job: Job) -> Made:
        """CreateProject."""
        name = job.name("Name")
        attributes = {"Arn": arns.arn("codebuild", job.place.region, job.place.account, f"project/{name}")}
        if "pipelines" not in job.backend.capabilities:
            job.not_emulated("Source", LACKING)
            return Made(name, attributes, {"pretended": True})
        params = {**job.pick(_TABLE), "name": name, "tags": job.tag_list("key", "value")}
        job.call("codebuild", "create_project", params, _TABLE)
        self._verdict(job)
        return Made(name, attributes)

    def update(self, job: Job, made: Made) -> Made:
        """UpdateProject, with everything that is wanted."""
        if not made.notes.get("pretended"):
            params = {**job.pick(_TABLE), "name": made.physical_id, "tags": job.tag_list("key", "value")}
            job.call("codebuild", "update_project", params, _TABLE)
            self._verdict(job)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteProject."""
        if not made.notes.get("pretended"):
            job.call("codebuild", "delete_project", {"name": made.physical_id})

    @staticmethod
    def _verdict(job: Job) -> None:
        source, artifacts = job.get("Source") or {}, job.get("Artifacts") or {}
        environment, logs = job.get("Environment") or {}, job.get("LogsConfig") or {}
        if source.get("Type") not in _KINDS:
            job.left_out("Source.Type", f"sources of type {source.get('Type')} are not emulated")
        if artifacts.get("Type") not in ("CODEPIPELINE", "NO_ARTIFACTS", "S3"):
            job.left_out("Artifacts.Type", f"artifacts of type {artifacts.get('Type')} are not emulated")
        if str(environment.get("PrivilegedMode", False)).lower() == "true":
            job.left_out("Environment.PrivilegedMode", "builds run on this machine, in no container")
        if "WINDOWS" in str(environment.get("Type")):
            job.left_out("Environment.Type", "commands run in a bash")
        if (logs.get("S3Logs") or {}).get("Status") == "ENABLED":
            job.left_out("LogsConfig.S3Logs", "logs go to their log group only")
