"""Amazon Athena: work groups and named queries; no query runs here."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


class WorkGroup(Handler):
    """``AWS::Athena::WorkGroup``."""

    type = "AWS::Athena::WorkGroup"
    covers = frozenset({"Name", "Description", "WorkGroupConfiguration", "Tags", "RecursiveDeleteOption"})
    inert: ClassVar[Mapping[str, str]] = {"State": "stored by AWS only: a work group is enabled here"}

    def create(self, job: Job) -> Made:
        """CreateWorkGroup."""
        name = job.name("Name")
        params = {
            "Name": name,
            "Description": job.get("Description"),
            "Configuration": job.get("WorkGroupConfiguration"),
            "Tags": job.tag_list() or None,
        }
        job.call("athena", "create_work_group", params, {"WorkGroupConfiguration": "Configuration"})
        return Made(name, {"CreationTime": "0"})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateWorkGroup."""
        params = {
            "WorkGroup": made.physical_id,
            "Description": job.get("Description"),
            "ConfigurationUpdates": job.get("WorkGroupConfiguration"),
        }
        job.call("athena", "update_work_group", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteWorkGroup."""
        params = {"WorkGroup": made.physical_id, "RecursiveDeleteOption": job.get("RecursiveDeleteOption")}
        job.call("athena", "delete_work_group", params)


class NamedQuery(Handler):
    """``AWS::Athena::NamedQuery``; every change replaces it."""

    type = "AWS::Athena::NamedQuery"
    _table: ClassVar[Mapping[str, str]] = {
        name: name for name in ("Name", "Description", "Database", "QueryString", "WorkGroup")
    }
    covers = frozenset(_table)
    replaces = frozenset(_table)

    def create(self, job: Job) -> Made:
        """CreateNamedQuery."""
        params = {"Name": job.name("Name"), **job.pick(self._table)}
        found = str(job.call("athena", "create_named_query", params)["NamedQueryId"])
        return Made(found, {"NamedQueryId": found})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteNamedQuery; where the backend has no such call the query stays, and nobody refers to it."""
        with contextlib.suppress(NotImplementedError):
            job.call("athena", "delete_named_query", {"NamedQueryId": made.physical_id})
