"""AWS Glue: databases and tables of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


class Database(Handler):
    """``AWS::Glue::Database``."""

    type = "AWS::Glue::Database"
    covers = frozenset({"CatalogId", "DatabaseInput", "DatabaseName"})
    replaces = frozenset({"CatalogId", "DatabaseName"})

    def create(self, job: Job) -> Made:
        """CreateDatabase."""
        wanted = dict(job.get("DatabaseInput") or {})
        name = str(job.get("DatabaseName") or wanted.get("Name") or job.name("").lower())
        params = {"CatalogId": job.get("CatalogId"), "DatabaseInput": {**wanted, "Name": name}}
        job.call("glue", "create_database", params)
        return Made(name)

    def update(self, job: Job, made: Made) -> Made:
        """UpdateDatabase."""
        wanted = {**(job.get("DatabaseInput") or {}), "Name": made.physical_id}
        params = {"CatalogId": job.get("CatalogId"), "Name": made.physical_id, "DatabaseInput": wanted}
        job.call("glue", "update_database", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteDatabase."""
        job.call("glue", "delete_database", {"CatalogId": job.get("CatalogId"), "Name": made.physical_id})


class Table(Handler):
    """``AWS::Glue::Table``."""

    type = "AWS::Glue::Table"
    covers = frozenset({"CatalogId", "DatabaseName", "TableInput", "Name"})
    replaces = frozenset({"CatalogId", "DatabaseName", "Name"})

    def create(self, job: Job) -> Made:
        """CreateTable."""
        wanted = self._wanted(job)
        name = str(wanted.get("Name") or job.name("").lower())
        job.call("glue", "create_table", {**self._place(job), "TableInput": {**wanted, "Name": name}})
        return Made(name)

    @staticmethod
    def _place(job: Job) -> dict[str, Any]:
        return {"CatalogId": job.get("CatalogId"), "DatabaseName": job.get("DatabaseName")}

    @staticmethod
    def _wanted(job: Job) -> dict[str, Any]:
        found: Mapping[str, Any] = job.get("TableInput") or {}
        return {**found, **({"Name": job.get("Name")} if job.get("Name") else {})}

    def update(self, job: Job, made: Made) -> Made:
        """UpdateTable."""
        wanted = {**self._wanted(job), "Name": made.physical_id}
        job.call("glue", "update_table", {**self._place(job), "TableInput": wanted})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteTable."""
        job.call("glue", "delete_table", {**self._place(job), "Name": made.physical_id})
