"""AWS Systems Manager: parameters."""

from __future__ import annotations

from typing import Any

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


class Parameter(Handler):
    """``AWS::SSM::Parameter``."""

    type = "AWS::SSM::Parameter"
    covers = frozenset(
        {"Name", "Type", "Value", "Description", "AllowedPattern", "DataType", "Tier", "Policies", "Tags"}
    )
    _table = ("Type", "Value", "Description", "AllowedPattern", "DataType", "Tier", "Policies")

    def create(self, job: Job) -> Made:
        """PutParameter."""
        return self._put(job, job.name("Name"), {"Tags": job.tag_list() or None})

    def _put(self, job: Job, name: str, more: dict[str, Any]) -> Made:
        params = {"Name": name, **job.pick({one: one for one in self._table}), **more}
        job.call("ssm", "put_parameter", params)
        return Made(name, {"Type": job.get("Type"), "Value": job.get("Value")})

    def update(self, job: Job, made: Made) -> Made:
        """PutParameter over the old one; tags by their own call."""
        key = {"ResourceType": "Parameter", "ResourceId": made.physical_id}
        removed = job.removed_tags()
        if removed:
            job.call("ssm", "remove_tags_from_resource", {**key, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("ssm", "add_tags_to_resource", {**key, "Tags": job.tag_list()})
        return self._put(job, made.physical_id, {"Overwrite": True})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteParameter."""
        job.call("ssm", "delete_parameter", {"Name": made.physical_id})
