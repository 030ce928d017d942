"""Amazon EventBridge Pipes. Whether pipes run is the backend's capability ``pipes``."""

from __future__ import annotations

from typing import Any

from stackproof.deploy.fit import document
from stackproof.deploy.handler import Handler, Job, Refused
from stackproof.deploy.model import Made
from stackproof.fabric import arns, outlets
from stackproof.fabric.mappings import sources

_TABLE = {
    name: name
    for name in (
        "Description", "DesiredState", "Source", "SourceParameters", "Enrichment", "EnrichmentParameters",
        "Target", "TargetParameters", "RoleArn", "LogConfiguration", "KmsKeyIdentifier",
    )
}  # fmt: skip

_SOURCES = frozenset(("dynamodb", "kafka", "kinesis", "mq", "sqs"))
"""Source: user guide of EventBridge, "Amazon EventBridge Pipes sources"."""


class Pipe(Handler):
    """``AWS::Pipes::Pipe``."""

    type = "AWS::Pipes::Pipe"
    covers = frozenset(_TABLE) | {"Name", "Tags"}

    def create(self, job: Job) -> Made:
        """CreatePipe. A source that nothing polls here makes no pipe."""
        name = job.name("Name")
        arn = arns.arn("pipes", job.place.region, job.place.account, f"pipe/{name}")
        source = arns.parse(str(job.get("Source")))
        if source is not None and source.service not in _SOURCES:
            raise Refused(f"Source {source} is not supported.")
        if source is None or source.service not in sources.SOURCES:
            kind = source.service if source else job.get("Source")
            job.not_emulated("Source", f"sources of kind '{kind}' are not emulated")
            return Made(name, {"Arn": arn, "CurrentState": "STOPPED"}, {"pretended": True})
        params = {**self._params(job, name), "Tags": job.tags() or None}
        job.call("pipes", "create_pipe", params, _TABLE)
        self._verdict(job)
        return Made(name, {"Arn": arn, "CurrentState": "RUNNING"})

    @staticmethod
    def _params(job: Job, name: str) -> dict[str, Any]:
        params = {**job.pick(_TABLE), "Name": name}
        criteria = (job.get("SourceParameters") or {}).get("FilterCriteria")
        if criteria:
            filters = [{"Pattern": document(one["Pattern"])} for one in criteria.get("Filters") or ()]
            params["SourceParameters"] = {
                **params["SourceParameters"],
                "FilterCriteria": {"Filters": filters},
            }
        return params

    @staticmethod
    def _verdict(job: Job) -> None:
        if "pipes" not in job.backend.capabilities:
            job.left_out("Source", "stored, pipes do not run yet")
            return
        reason = outlets.unsupported(str(job.get("Target")))
        if reason:
            job.left_out("Target", reason)
        enrichment = str(job.get("Enrichment") or "")
        if enrichment and ":lambda:" not in enrichment:
            job.left_out("Enrichment", "only functions enrich here")
        if job.get("LogConfiguration"):
            job.left_out("LogConfiguration", "pipes write no logs here")

    def update(self, job: Job, made: Made) -> Made:
        """UpdatePipe: the source stays."""
        if made.notes.get("pretended"):
            return made
        params = self._params(job, made.physical_id)
        params.pop("Source")
        job.call("pipes", "update_pipe", params, _TABLE)
        arn = made.attributes["Arn"]
        if job.removed_tags():
            job.call("pipes", "untag_resource", {"resourceArn": arn, "tagKeys": job.removed_tags()})
        if job.changed("Tags") and job.tags():
            job.call("pipes", "tag_resource", {"resourceArn": arn, "tags": job.tags()})
        self._verdict(job)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeletePipe."""
        if not made.notes.get("pretended"):
            job.call("pipes", "delete_pipe", {"Name": made.physical_id})
