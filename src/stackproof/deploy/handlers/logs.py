"""Amazon CloudWatch Logs: groups and streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stackproof.deploy.fit import document
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made
from stackproof.deploy.simple import Simple


class LogGroup(Handler):
    """``AWS::Logs::LogGroup``."""

    type = "AWS::Logs::LogGroup"
    covers = frozenset(
        {"LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags", "DataProtectionPolicy"}
    )
    inert: ClassVar[Mapping[str, str]] = {"DataProtectionPolicy": "log data is not inspected"}

    def create(self, job: Job) -> Made:
        """CreateLogGroup, then its retention."""
        name = job.name("LogGroupName")
        params = {"logGroupName": name, "tags": job.tags() or None}
        table = {"KmsKeyId": "kmsKeyId", "LogGroupClass": "logGroupClass"}
        job.call("logs", "create_log_group", {**params, **job.pick(table)}, table)
        self._retention(job, name)
        place = job.place
        arn = f"arn:{place.partition}:logs:{place.region}:{place.account}:log-group:{name}:*"
        return Made(name, {"Arn": arn})

    def _retention(self, job: Job, name: str) -> None:
        days = job.get("RetentionInDays")
        if days is not None:
            job.call("logs", "put_retention_policy", {"logGroupName": name, "retentionInDays": days})
        elif job.before and "RetentionInDays" in job.before:
            job.call("logs", "delete_retention_policy", {"logGroupName": name})

    def update(self, job: Job, made: Made) -> Made:
        """Retention, key and tags by their own calls."""
        name = made.physical_id
        if job.changed("RetentionInDays"):
            self._retention(job, name)
        if job.changed("KmsKeyId"):
            key = job.get("KmsKeyId")
            operation = "associate_kms_key" if key else "disassociate_kms_key"
            job.call("logs", operation, {"logGroupName": name, "kmsKeyId": key})
        removed = job.removed_tags()
        if removed:
            job.call("logs", "untag_log_group", {"logGroupName": name, "tags": removed})
        if job.changed("Tags") and job.tags():
            job.call("logs", "tag_log_group", {"logGroupName": name, "tags": job.tags()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteLogGroup."""
        job.call("logs", "delete_log_group", {"logGroupName": made.physical_id})


class LogStream(Simple):
    """``AWS::Logs::LogStream``."""

    type = "AWS::Logs::LogStream"
    service = "logs"
    named = "LogStreamName"
    table: ClassVar[Mapping[str, str]] = {"LogStreamName": "logStreamName"}
    owners: ClassVar[Mapping[str, str]] = {"LogGroupName": "logGroupName"}
    creates, deletes = "create_log_stream", "delete_log_stream"
    key, identifier = "logStreamName", "@logStreamName"


class ResourcePolicy(Handler):
    """``AWS::Logs::ResourcePolicy``."""

    type = "AWS::Logs::ResourcePolicy"
    covers = frozenset({"PolicyName", "PolicyDocument"})

    def create(self, job: Job) -> Made:
        """PutResourcePolicy."""
        params = {"policyName": job.get("PolicyName"), "policyDocument": document(job.get("PolicyDocument"))}
        job.call("logs", "put_resource_policy", params)
        return Made(str(job.get("PolicyName")))

    def update(self, job: Job, made: Made) -> Made:
        """As create."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteResourcePolicy."""
        job.call("logs", "delete_resource_policy", {"policyName": made.physical_id})


_SUBSCRIPTION = {
    "LogGroupName": "logGroupName",
    "FilterPattern": "filterPattern",
    "DestinationArn": "destinationArn",
    "RoleArn": "roleArn",
    "Distribution": "distribution",
}


class SubscriptionFilter(Handler):
    """``AWS::Logs::SubscriptionFilter``."""

    type = "AWS::Logs::SubscriptionFilter"
    covers = frozenset(_SUBSCRIPTION) | {"FilterName"}
    replaces = frozenset({"LogGroupName", "FilterName"})

    def create(self, job: Job) -> Made:
        """PutSubscriptionFilter, which tries the destination."""
        name = job.name("FilterName")
        self._put(job, name)
        return Made(name, {}, {"group": job.get("LogGroupName")})

    def _put(self, job: Job, name: str) -> None:
        if "logs-subscriptions" not in job.backend.capabilities:
            job.left_out("DestinationArn", "stored, log events reach nobody of this stack")
        params = {"filterName": name, **job.pick(_SUBSCRIPTION)}
        params.setdefault("filterPattern", "")
        job.call("logs", "put_subscription_filter", params, _SUBSCRIPTION)

    def update(self, job: Job, made: Made) -> Made:
        """As create: Put replaces the filter."""
        self._put(job, made.physical_id)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteSubscriptionFilter."""
        params = {"logGroupName": made.notes["group"], "filterName": made.physical_id}
        job.call("logs", "delete_subscription_filter", params)


class MetricFilter(Handler):
    """``AWS::Logs::MetricFilter``."""

    type = "AWS::Logs::MetricFilter"
    covers = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})
    replaces = frozenset({"LogGroupName", "FilterName"})

    def create(self, job: Job) -> Made:
        """PutMetricFilter."""
        name = job.name("FilterName")
        self._put(job, name)
        return Made(name, {}, {"group": job.get("LogGroupName")})

    @staticmethod
    def _put(job: Job, name: str) -> None:
        if "logs-subscriptions" not in job.backend.capabilities:
            job.left_out("MetricTransformations", "stored, log events are not counted")
        wanted = [
            {
                **one,
                "Dimensions": {pair["Key"]: pair["Value"] for pair in one.get("Dimensions") or []} or None,
            }
            for one in job.get("MetricTransformations") or []
        ]
        params = {
            "logGroupName": job.get("LogGroupName"),
            "filterName": name,
            "filterPattern": job.get("FilterPattern", ""),
            "metricTransformations": wanted,
        }
        job.call("logs", "put_metric_filter", params, {"MetricTransformations": "metricTransformations"})

    def update(self, job: Job, made: Made) -> Made:
        """As create: Put replaces the filter."""
        self._put(job, made.physical_id)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteMetricFilter."""
        params = {"logGroupName": made.notes["group"], "filterName": made.physical_id}
        job.call("logs", "delete_metric_filter", params)
