"""Amazon EventBridge: buses, rules, archives. What flows over them is the backend's capability ``events``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import document
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made
from stackproof.deploy.simple import Simple
from stackproof.fabric import outlets

_NO_FUNCTIONS = "stored, events reach no function of this stack"
_NO_SCHEDULE = "stored, schedules do not run yet"


class Bus(Handler):
    """``AWS::Events::EventBus``."""

    type = "AWS::Events::EventBus"
    covers = frozenset({"Name", "Policy", "Tags", "Description", "EventSourceName"})

    def create(self, job: Job) -> Made:
        """CreateEventBus with its policy."""
        table = {"Name": "Name", "Description": "Description", "EventSourceName": "EventSourceName"}
        answer = job.call("events", "create_event_bus", {**job.pick(table), "Tags": job.tag_list() or None})
        name = str(job.get("Name"))
        self._policy(job, name)
        return Made(name, {"Arn": answer["EventBusArn"], "Name": name})

    def _policy(self, job: Job, name: str) -> None:
        if job.get("Policy"):
            params = {"EventBusName": name, "Policy": document(job.get("Policy"))}
            job.call("events", "put_permission", params)
        elif job.before and job.before.get("Policy"):
            job.call("events", "remove_permission", {"EventBusName": name, "RemoveAllPermissions": True})

    def update(self, job: Job, made: Made) -> Made:
        """Policy and tags."""
        if job.changed("Policy"):
            self._policy(job, made.physical_id)
        tags(job, str(made.attributes["Arn"]))
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteEventBus."""
        job.call("events", "delete_event_bus", {"Name": made.physical_id})


def tags(job: Job, arn: str) -> None:
    """Tags of a bus or a rule that changed."""
    removed = job.removed_tags()
    if removed:
        job.call("events", "untag_resource", {"ResourceARN": arn, "TagKeys": removed})
    if job.changed("Tags") and job.tags():
        job.call("events", "tag_resource", {"ResourceARN": arn, "Tags": job.tag_list()})


def _unreached(job: Job, target: str) -> str:
    """Why a target gets no events, "" when it does. Live endpoints route to their own resources."""
    if "events" in job.backend.capabilities:
        return outlets.unsupported(target)
    return _NO_FUNCTIONS if ":lambda:" in target else ""


class BusPolicy(Handler):
    """``AWS::Events::EventBusPolicy``."""

    type = "AWS::Events::EventBusPolicy"
    covers = frozenset({"EventBusName", "StatementId", "Statement", "Action", "Principal", "Condition"})

    def create(self, job: Job) -> Made:
        """PutPermission."""
        params = job.pick({name: name for name in ("EventBusName", "StatementId", "Action", "Principal")})
        if job.get("Statement"):
            statement = {"Sid": job.get("StatementId"), **job.get("Statement")}
            policy = document({"Version": "2012-10-17", "Statement": [statement]})
            params = {**job.pick({"EventBusName": "EventBusName"}), "Policy": policy}
        elif job.get("Condition"):
            params["Condition"] = job.get("Condition")
        job.call("events", "put_permission", params)
        return Made(f"{job.get('EventBusName', 'default')}|{job.get('StatementId')}")

    def update(self, job: Job, made: Made) -> Made:
        """As create."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """RemovePermission."""
        job.call(
            "events", "remove_permission", job.pick({name: name for name in ("EventBusName", "StatementId")})
        )


class Rule(Handler):
    """``AWS::Events::Rule`` with its targets."""

    type = "AWS::Events::Rule"
    covers = frozenset(
        {"Name", "Description", "EventBusName", "EventPattern", "ScheduleExpression", "State", "RoleArn",
         "Targets", "Tags"}
    )  # fmt: skip

    replaces = frozenset({"EventBusName"})

    def create(self, job: Job) -> Made:
        """PutRule, then PutTargets."""
        name = job.name("Name")
        arn = self._put(job, name, {"Tags": job.tag_list() or None})
        bus = str(job.get("EventBusName", "default")).rpartition("/")[2]
        physical = name if bus == "default" else f"{bus}|{name}"
        return Made(physical, {"Arn": arn}, {"name": name})

    def _put(self, job: Job, name: str, more: dict[str, Any]) -> str:
        table = ("Description", "EventBusName", "ScheduleExpression", "State", "RoleArn")
        params: dict[str, Any] = {"Name": name, **job.pick({one: one for one in table}), **more}
        if job.get("EventPattern"):
            params["EventPattern"] = document(job.get("EventPattern"))
        arn = str(job.call("events", "put_rule", params)["RuleArn"])
        self._targets(job, name)
        if job.get("ScheduleExpression") and "schedules" not in job.backend.capabilities:
            job.left_out("ScheduleExpression", _NO_SCHEDULE)
        for index, target in enumerate(job.get("Targets") or ()):
            reason = _unreached(job, str(target.get("Arn")))
            if reason:
                job.left_out(f"Targets.{index}.Arn", reason)
        return arn

    def _targets(self, job: Job, name: str) -> None:
        bus = job.pick({"EventBusName": "EventBusName"})
        targets = job.get("Targets") or []
        wanted = {one["Id"] for one in targets}
        gone = [one["Id"] for one in (job.before or {}).get("Targets") or [] if one["Id"] not in wanted]
        if gone:
            job.call("events", "remove_targets", {"Rule": name, "Ids": gone, **bus})
        if targets:
            job.call("events", "put_targets", {"Rule": name, "Targets": targets, **bus})

    def update(self, job: Job, made: Made) -> Made:
        """As create."""
        self._put(job, str(made.notes["name"]), {})
        tags(job, str(made.attributes["Arn"]))
        return made

    def delete(self, job: Job, made: Made) -> None:
        """RemoveTargets, then DeleteRule."""
        bus = job.pick({"EventBusName": "EventBusName"})
        ids = [one["Id"] for one in job.get("Targets") or []]
        if ids:
            job.call("events", "remove_targets", {"Rule": made.notes["name"], "Ids": ids, **bus})
        job.call("events", "delete_rule", {"Name": made.notes["name"], **bus})


class Archive(Simple):
    """``AWS::Events::Archive``."""

    type = "AWS::Events::Archive"
    service = "events"
    creates = "create_archive"
    updates = "update_archive"
    deletes = "delete_archive"
    named = "ArchiveName"
    key = "ArchiveName"
    identifier = "@ArchiveName"
    answers: ClassVar[Mapping[str, str]] = {"Arn": "ArchiveArn"}
    table: ClassVar[Mapping[str, str]] = {
        "Description": "Description", "RetentionDays": "RetentionDays",
        "KmsKeyIdentifier": "KmsKeyIdentifier",
        "EventPattern": "EventPattern", "SourceArn": "EventSourceArn",
    }  # fmt: skip

    def params(self, job: Job) -> dict[str, Any]:
        """The pattern goes as text; the source is fixed."""
        found = super().params(job)
        if job.get("EventPattern"):
            found["EventPattern"] = document(job.get("EventPattern"))
        return found

    def update(self, job: Job, made: Made) -> Made:
        """UpdateArchive, which has no place for the source."""
        params = {name: value for name, value in self.params(job).items() if name != "EventSourceArn"}
        job.call("events", "update_archive", {**params, "ArchiveName": made.physical_id})
        return made


class Connection(Simple):
    """``AWS::Events::Connection``."""

    type = "AWS::Events::Connection"
    service = "events"
    creates = "create_connection"
    updates = "update_connection"
    deletes = "delete_connection"
    named = "Name"
    key = "Name"
    identifier = "@Name"
    table: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "AuthorizationType", "AuthParameters", "Description", "InvocationConnectivityParameters",
            "KmsKeyIdentifier",
        )
    }  # fmt: skip

    def create(self, job: Job) -> Made:
        """CreateConnection; its other ARNs are told by DescribeConnection."""
        made = super().create(job)
        found = job.call("events", "describe_connection", {"Name": made.physical_id})
        arn = str(found["ConnectionArn"])
        attributes = {"Arn": arn, "SecretArn": found.get("SecretArn", ""), "ArnForPolicy": _without_id(arn)}
        return Made(made.physical_id, attributes)


class ApiDestination(Simple):
    """``AWS::Events::ApiDestination``. Requests reach the doubles that a test declares."""

    type = "AWS::Events::ApiDestination"
    service = "events"
    creates = "create_api_destination"
    updates = "update_api_destination"
    deletes = "delete_api_destination"
    named = "Name"
    key = "Name"
    identifier = "@Name"
    answers: ClassVar[Mapping[str, str]] = {"Arn": "ApiDestinationArn"}
    table: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "ConnectionArn", "Description", "HttpMethod", "InvocationEndpoint",
            "InvocationRateLimitPerSecond",
        )
    }  # fmt: skip

    def create(self, job: Job) -> Made:
        """CreateApiDestination."""
        made = super().create(job)
        arn = str(made.attributes["Arn"])
        return Made(made.physical_id, {**made.attributes, "ArnForPolicy": _without_id(arn)})


def _without_id(arn: str) -> str:
    """The ARN that policies name: without the id at its end."""
    return arn.rpartition("/")[0]
