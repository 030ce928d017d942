"""AWS Lambda: layers."""

from __future__ import annotations

from collections.abc import Mapping

from stackproof.deploy.code import code_of
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


class LayerVersion(Handler):
    """``AWS::Lambda::LayerVersion``: a change of anything publishes a new one."""

    type = "AWS::Lambda::LayerVersion"
    covers = frozenset(
        {
            "LayerName",
            "Content",
            "CompatibleRuntimes",
            "CompatibleArchitectures",
            "Description",
            "LicenseInfo",
        }
    )

    def create(self, job: Job) -> Made:
        """PublishLayerVersion."""
        name = job.name("LayerName")
        table = {one: one for one in self.covers - {"LayerName", "Content"}}
        params = {
            "LayerName": name,
            "Content": code_of(job, _kind(job), name, job.get("Content")),
            **job.pick(table),
        }
        version = job.call("lambda", "publish_layer_version", params)
        arn = version["LayerVersionArn"]
        return Made(arn, {"LayerVersionArn": arn}, {"name": name, "version": version["Version"]})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteLayerVersion."""
        params = {"LayerName": made.notes["name"], "VersionNumber": made.notes["version"]}
        job.call("lambda", "delete_layer_version", params)


class LayerVersionPermission(Handler):
    """``AWS::Lambda::LayerVersionPermission``."""

    type = "AWS::Lambda::LayerVersionPermission"
    covers = frozenset({"Action", "LayerVersionArn", "OrganizationId", "Principal"})

    def create(self, job: Job) -> Made:
        """AddLayerVersionPermission."""
        arn, _, number = str(job.get("LayerVersionArn")).rpartition(":")
        statement = job.unique()
        params = {"LayerName": arn, "VersionNumber": number, "StatementId": statement}
        table = {"Action": "Action", "Principal": "Principal", "OrganizationId": "OrganizationId"}
        job.call("lambda", "add_layer_version_permission", {**params, **job.pick(table)})
        return Made(
            f"{arn}:{number}#{statement}", {}, {"name": arn, "version": number, "statement": statement}
        )

    def delete(self, job: Job, made: Made) -> None:
        """RemoveLayerVersionPermission."""
        params = {"LayerName": made.notes["name"], "VersionNumber": made.notes["version"]}
        job.call(
            "lambda", "remove_layer_version_permission", {**params, "StatementId": made.notes["statement"]}
        )


def _kind(job: Job) -> str:
    """``sam build`` builds a layer only when its metadata names the method."""
    metadata = job.written.get("Metadata")
    method = metadata.get("BuildMethod") if isinstance(metadata, Mapping) else None
    return "built layer" if str(method).startswith("python") else "layer"
