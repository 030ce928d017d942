"""Amazon Kinesis Data Streams: streams, their consumers and policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import document, text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_DAY = 24
_RECORD_KIB = 1024


class Stream(Handler):
    """``AWS::Kinesis::Stream``."""

    type = "AWS::Kinesis::Stream"
    covers = frozenset(
        {
            "Name",
            "ShardCount",
            "RetentionPeriodHours",
            "StreamEncryption",
            "StreamModeDetails",
            "MaxRecordSizeInKiB",
            "DesiredShardLevelMetrics",
            "Tags",
        }
    )
    inert: ClassVar[Mapping[str, str]] = {"WarmThroughputMiBps": "an on-demand stream does not warm up here"}

    def create(self, job: Job) -> Made:
        """CreateStream, then the settings that have calls of their own."""
        name = job.name("Name")
        params: dict[str, Any] = {"StreamName": name}
        if _on_demand(job.properties):
            params["StreamModeDetails"] = {"StreamMode": "ON_DEMAND"}
        else:
            params["ShardCount"] = job.get("ShardCount", 1)
        job.call("kinesis", "create_stream", params)
        arn = job.call("kinesis", "describe_stream_summary", {"StreamName": name})
        made = Made(name, {"Arn": arn["StreamDescriptionSummary"]["StreamARN"]})
        self._settings(job, made)
        return made

    def _settings(self, job: Job, made: Made) -> None:
        name = {"StreamName": made.physical_id}
        self._retention(job, name)
        self._encryption(job, name)
        self._metrics(job, name)
        if job.changed("MaxRecordSizeInKiB") and _either(job, "MaxRecordSizeInKiB"):
            size = job.get("MaxRecordSizeInKiB", _RECORD_KIB)
            params = {"StreamARN": made.attributes["Arn"], "MaxRecordSizeInKiB": size}
            job.call("kinesis", "update_max_record_size", params)
        removed = job.removed_tags()
        if removed:
            job.call("kinesis", "remove_tags_from_stream", {**name, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("kinesis", "add_tags_to_stream", {**name, "Tags": job.tags()})

    @staticmethod
    def _retention(job: Job, name: dict[str, Any]) -> None:
        before = int(text((job.before or {}).get("RetentionPeriodHours", _DAY)))
        after = int(text(job.get("RetentionPeriodHours", _DAY)))
        if after != before:
            change = "increase" if after > before else "decrease"
            params = {**name, "RetentionPeriodHours": after}
            job.call("kinesis", f"{change}_stream_retention_period", params)

    @staticmethod
    def _encryption(job: Job, name: dict[str, Any]) -> None:
        if not job.changed("StreamEncryption"):
            return
        before, after = (job.before or {}).get("StreamEncryption"), job.get("StreamEncryption")
        if before:
            job.call("kinesis", "stop_stream_encryption", {**name, **before})
        if after:
            job.call("kinesis", "start_stream_encryption", {**name, **after})

    @staticmethod
    def _metrics(job: Job, name: dict[str, Any]) -> None:
        before = set((job.before or {}).get("DesiredShardLevelMetrics") or [])
        after = set(job.get("DesiredShardLevelMetrics") or [])
        for change, wanted in (("enable", after - before), ("disable", before - after)):
            if wanted:
                params = {**name, "ShardLevelMetrics": sorted(wanted)}
                job.call("kinesis", f"{change}_enhanced_monitoring", params)

    def update(self, job: Job, made: Made) -> Made:
        """Mode, number of shards, settings."""
        if job.changed("StreamModeDetails") and _on_demand(job.properties) != _on_demand(job.before or {}):
            mode = "ON_DEMAND" if _on_demand(job.properties) else "PROVISIONED"
            params = {"StreamARN": made.attributes["Arn"], "StreamModeDetails": {"StreamMode": mode}}
            job.call("kinesis", "update_stream_mode", params)
        if job.changed("ShardCount") and not _on_demand(job.properties) and job.get("ShardCount"):
            self._resize(job, made)
        self._settings(job, made)
        return made

    @staticmethod
    def _resize(job: Job, made: Made) -> None:
        name = {"StreamName": made.physical_id}
        found = job.call("kinesis", "describe_stream_summary", name)["StreamDescriptionSummary"]
        target = int(text(job.get("ShardCount")))
        if found["OpenShardCount"] != target:
            params = {**name, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}
            job.call("kinesis", "update_shard_count", params)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteStream."""
        job.call(
            "kinesis", "delete_stream", {"StreamName": made.physical_id, "EnforceConsumerDeletion": True}
        )


def _on_demand(properties: Mapping[str, Any]) -> bool:
    return (properties.get("StreamModeDetails") or {}).get("StreamMode") == "ON_DEMAND"


def _either(job: Job, name: str) -> bool:
    return name in job.properties or name in (job.before or {})


class StreamConsumer(Handler):
    """``AWS::Kinesis::StreamConsumer``."""

    type = "AWS::Kinesis::StreamConsumer"
    covers = frozenset({"ConsumerName", "StreamARN", "Tags"})

    def create(self, job: Job) -> Made:
        """RegisterStreamConsumer."""
        params = {
            **job.pick({"ConsumerName": "ConsumerName", "StreamARN": "StreamARN"}),
            "Tags": job.tags() or None,
        }
        consumer = job.call("kinesis", "register_stream_consumer", params)["Consumer"]
        arn = consumer["ConsumerARN"]
        attributes = {
            "ConsumerARN": arn,
            "ConsumerName": consumer["ConsumerName"],
            "ConsumerStatus": "ACTIVE",
            "ConsumerCreationTimestamp": str(int(consumer["ConsumerCreationTimestamp"].timestamp())),
            "StreamARN": job.get("StreamARN"),
        }
        return Made(arn, attributes)

    def update(self, job: Job, made: Made) -> Made:
        """Tags; everything else replaces the consumer."""
        removed = job.removed_tags()
        if removed:
            job.call("kinesis", "untag_resource", {"ResourceARN": made.physical_id, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("kinesis", "tag_resource", {"ResourceARN": made.physical_id, "Tags": job.tags()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeregisterStreamConsumer."""
        job.call("kinesis", "deregister_stream_consumer", {"ConsumerARN": made.physical_id})


class ResourcePolicy(Handler):
    """``AWS::Kinesis::ResourcePolicy``."""

    type = "AWS::Kinesis::ResourcePolicy"
    covers = frozenset({"ResourceArn", "ResourcePolicy"})

    def create(self, job: Job) -> Made:
        """PutResourcePolicy."""
        arn = str(job.get("ResourceArn"))
        policy = document(job.get("ResourcePolicy"))
        job.call("kinesis", "put_resource_policy", {"ResourceARN": arn, "Policy": policy})
        return Made(arn)

    def update(self, job: Job, made: Made) -> Made:
        """As create."""
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteResourcePolicy."""
        job.call("kinesis", "delete_resource_policy", {"ResourceARN": made.physical_id})
