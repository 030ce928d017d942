"""AWS CodeCommit and CodeConnections: repositories and connections, whose content a test pushes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.codebuild import LACKING
from stackproof.deploy.handlers.stub import Stub
from stackproof.deploy.model import Made


class Repository(Handler):
    """``AWS::CodeCommit::Repository``."""

    type = "AWS::CodeCommit::Repository"
    covers = frozenset({"RepositoryName", "RepositoryDescription", "KmsKeyId", "Tags", "Code", "Triggers"})
    inert: ClassVar[Mapping[str, str]] = {
        "Code": "the first commit is not taken from S3: push one",
        "Triggers": "triggers are not called; rules hear of a push",
    }

    def create(self, job: Job) -> Made:
        """CreateRepository."""
        if "pipelines" not in job.backend.capabilities:
            job.not_emulated("RepositoryName", LACKING)
            made = Stub().create(job)
            return Made(made.physical_id, made.attributes, {"pretended": True})
        table = {"RepositoryDescription": "repositoryDescription", "KmsKeyId": "kmsKeyId"}
        params = {**job.pick(table), "repositoryName": job.get("RepositoryName"), "tags": job.tags() or None}
        table["RepositoryName"] = "repositoryName"
        found = job.call("codecommit", "create_repository", params, table)["repositoryMetadata"]
        attributes = {
            "Arn": found["Arn"], "Name": found["repositoryName"], "CloneUrlHttp": found["cloneUrlHttp"],
            "CloneUrlSsh": found["cloneUrlSsh"], "RepositoryId": found["repositoryId"],
        }  # fmt: skip
        return Made(found["repositoryId"], attributes, {"name": found["repositoryName"]})

    def update(self, job: Job, made: Made) -> Made:
        """Description, name and tags by their own calls."""
        if made.notes.get("pretended"):
            return made
        name, wanted = str(made.notes["name"]), str(job.get("RepositoryName"))
        if job.changed("RepositoryDescription"):
            text = job.get("RepositoryDescription") or ""
            params = {"repositoryName": name, "repositoryDescription": text}
            job.call("codecommit", "update_repository_description", params)
        if name != wanted:
            job.call("codecommit", "update_repository_name", {"oldName": name, "newName": wanted})
        found = job.call("codecommit", "get_repository", {"repositoryName": wanted})["repositoryMetadata"]
        if job.removed_tags():
            params = {"resourceArn": found["Arn"], "tagKeys": job.removed_tags()}
            job.call("codecommit", "untag_resource", params)
        if job.changed("Tags") and job.tags():
            job.call("codecommit", "tag_resource", {"resourceArn": found["Arn"], "tags": job.tags()})
        attributes = {
            **made.attributes, "Arn": found["Arn"], "Name": wanted, "CloneUrlHttp": found["cloneUrlHttp"],
            "CloneUrlSsh": found["cloneUrlSsh"],
        }  # fmt: skip
        return Made(made.physical_id, attributes, {"name": wanted})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteRepository, with all it holds."""
        if not made.notes.get("pretended"):
            job.call("codecommit", "delete_repository", {"repositoryName": made.notes["name"]})


class Connection(Handler):
    """``AWS::CodeConnections::Connection``: pending until a test completes its handshake."""

    type = "AWS::CodeConnections::Connection"
    covers = frozenset({"ConnectionName", "ProviderType", "HostArn", "Tags"})

    def create(self, job: Job) -> Made:
        """CreateConnection."""
        if "pipelines" not in job.backend.capabilities:
            job.not_emulated("ProviderType", LACKING)
            made = Stub().create(job)
            return Made(made.physical_id, made.attributes, {"pretended": True})
        table = {name: name for name in ("ConnectionName", "ProviderType", "HostArn")}
        params = {**job.pick(table), "Tags": job.tag_list() or None}
        arn = job.call("codeconnections", "create_connection", params, table)["ConnectionArn"]
        place = {"ConnectionStatus": "PENDING", "OwnerAccountId": job.place.account}
        return Made(arn, {"ConnectionArn": arn, **place})

    def update(self, job: Job, made: Made) -> Made:
        """Tags: all else replaces it."""
        if made.notes.get("pretended"):
            return made
        arn = made.physical_id
        if job.removed_tags():
            params = {"ResourceArn": arn, "TagKeys": job.removed_tags()}
            job.call("codeconnections", "untag_resource", params)
        if job.tags():
            job.call("codeconnections", "tag_resource", {"ResourceArn": arn, "Tags": job.tag_list()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteConnection."""
        if not made.notes.get("pretended"):
            job.call("codeconnections", "delete_connection", {"ConnectionArn": made.physical_id})
