"""Streams: making, describing, changing and deleting them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.kinesis import errors
from stackproof.fabric.kinesis.stream import ON_DEMAND_SHARDS, Stream
from stackproof.fabric.kinesis.views import shard_view, summary
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.kinesis.service import KinesisService

LEAST_HOURS, MOST_HOURS = 24, 8760
_MOST_TAGS = 50
_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_METRICS = (
    "IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords",
    "WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded", "IteratorAgeMilliseconds",
)  # fmt: skip
_REFUSED = (
    "UpdateStreamWarmThroughput", "DescribeAccountSettings", "UpdateAccountSettings",
    "UpdateStreamRecordDistributionStrategy", "CreateChannel", "CreateQueue", "ReceiveQueueRecords",
)  # fmt: skip


class Admin:
    """A stream is ACTIVE at once: the seconds that AWS takes for a change change nothing that moves."""

    def __init__(self, service: KinesisService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "CreateStream": self.create,
            "DeleteStream": self.delete,
            "DescribeStream": self.describe,
            "DescribeStreamSummary": self.describe_summary,
            "ListStreams": self.list,
            "DescribeLimits": self.limits,
            "UpdateStreamMode": self.update_mode,
            "UpdateMaxRecordSize": self.update_record_size,
            "IncreaseStreamRetentionPeriod": self.keep_longer,
            "DecreaseStreamRetentionPeriod": self.keep_shorter,
            "StartStreamEncryption": self.encrypt,
            "StopStreamEncryption": self.decrypt,
            "EnableEnhancedMonitoring": self.monitor,
            "DisableEnhancedMonitoring": self.unmonitor,
            "AddTagsToStream": self.tag,
            "RemoveTagsFromStream": self.untag,
            "ListTagsForStream": self.list_tags,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_resource_tags,
            "PutResourcePolicy": self.put_policy,
            "GetResourcePolicy": self.get_policy,
            "DeleteResourcePolicy": self.delete_policy,
            **{name: _refusal(name) for name in _REFUSED},
        }

    # Making and finding.

    def create(self, params: Params, caller: Caller) -> Response:
        """A stream; ON_DEMAND ones begin with four shards, PROVISIONED ones need a ShardCount."""
        name, count = params["StreamName"], params.get("ShardCount") or 0
        on_demand = (params.get("StreamModeDetails") or {}).get("StreamMode") == "ON_DEMAND"
        if not _NAME.fullmatch(name):
            raise errors.validation(name, "streamName", "Member must satisfy regular expression pattern: "
                                    "[a-zA-Z0-9_.-]+")  # fmt: skip
        if on_demand and count:
            raise errors.validation(count, "shardCount", "not to be set for a stream in on-demand mode")
        if not on_demand and not count:
            raise errors.validation("null", "shardCount", "Member must not be null")
        stream = Stream(name, caller.account, caller.region, self._world.clock.ms, on_demand=on_demand)
        if stream.arn in self._service.streams:
            raise errors.in_use(f"Stream {name} under account {caller.account} already exists.")
        stream.identifier = self._world.ids.uuid()
        stream.tags = dict(params.get("Tags") or {})
        stream.record_kib = params.get("MaxRecordSizeInKiB") or 1024
        stream.divide(ON_DEMAND_SHARDS if on_demand else int(count), stream.created_ms)
        self._service.streams[stream.arn] = stream
        return {}

    def delete(self, params: Params, caller: Caller) -> Response:
        """Forget a stream with its records."""
        stream = self._service.find(params, caller)
        if stream.consumers and not params.get("EnforceConsumerDeletion"):
            raise errors.in_use(
                f"Stream {stream.name} under account {stream.account} has registered consumers. Deregister "
                "them or set EnforceConsumerDeletion."
            )
        del self._service.streams[stream.arn]
        return {}

    def describe(self, params: Params, caller: Caller) -> Response:
        """A stream with its shards by page."""
        stream = self._service.find(params, caller)
        stream.trim(self._world.clock.ms)
        after, most = params.get("ExclusiveStartShardId", ""), params.get("Limit") or 100
        shards = [shard for name, shard in stream.shards.items() if name > after]
        shown = {**summary(stream), "Shards": [shard_view(shard) for shard in shards[:most]]}
        return {"StreamDescription": {**shown, "HasMoreShards": len(shards) > most}}

    def describe_summary(self, params: Params, caller: Caller) -> Response:
        """A stream without its shards."""
        stream = self._service.find(params, caller)
        shown = {
            **summary(stream),
            "OpenShardCount": len(stream.open),
            "ConsumerCount": len(stream.consumers),
            "MaxRecordSizeInKiB": stream.record_kib,
        }
        return {"StreamDescriptionSummary": shown}

    def list(self, params: Params, caller: Caller) -> Response:
        """The streams of the caller's account and region, by name and by page."""
        after = params.get("ExclusiveStartStreamName") or params.get("NextToken") or ""
        found = sorted(
            (s for s in self._service.streams.values() if (s.account, s.region) == _place(caller)),
            key=lambda stream: stream.name,
        )
        left = [stream for stream in found if stream.name > after]
        page = left[: params.get("Limit") or 100]
        shown = [{key: value for key, value in summary(stream).items() if key in _SUMMARY} for stream in page]
        answer: Response = {
            "StreamNames": [stream.name for stream in page],
            "HasMoreStreams": len(left) > len(page),
            "StreamSummaries": shown,
        }
        if answer["HasMoreStreams"]:
            answer["NextToken"] = page[-1].name
        return answer

    def limits(self, params: Params, caller: Caller) -> Response:
        """The quotas that every account begins with."""
        mine = [s for s in self._service.streams.values() if (s.account, s.region) == _place(caller)]
        return {
            "ShardLimit": 500,
            "OpenShardCount": sum(len(stream.open) for stream in mine),
            "OnDemandStreamCount": sum(stream.on_demand for stream in mine),
            "OnDemandStreamCountLimit": 50,
        }

    # Settings.

    def update_mode(self, params: Params, caller: Caller) -> Response:
        """Between PROVISIONED and ON_DEMAND; the shards stay."""
        stream = self._service.find(params, caller)
        stream.on_demand = params["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
        return {}

    def update_record_size(self, params: Params, caller: Caller) -> Response:
        """The largest record, 1 to 10 MiB."""
        stream = self._service.find(params, caller)
        stream.record_kib = params["MaxRecordSizeInKiB"]
        return {}

    def keep_longer(self, params: Params, caller: Caller) -> Response:
        """Up to 8,760 hours."""
        stream, hours = self._hours(params, caller)
        if hours < stream.retention_hours:
            raise errors.invalid(
                f"Requested retention period ({hours} hours) for stream {stream.name} can not be shorter "
                f"than existing retention period ({stream.retention_hours} hours). "
                "Use DecreaseRetentionPeriod API."
            )
        stream.retention_hours = hours
        return {}

    def keep_shorter(self, params: Params, caller: Caller) -> Response:
        """Down to 24 hours; older records are gone at once."""
        stream, hours = self._hours(params, caller)
        if hours > stream.retention_hours:
            raise errors.invalid(
                f"Requested retention period ({hours} hours) for stream {stream.name} can not be longer "
                f"than existing retention period ({stream.retention_hours} hours). "
                "Use IncreaseRetentionPeriod API."
            )
        stream.retention_hours = hours
        stream.trim(self._world.clock.ms)
        return {}

    def _hours(self, params: Params, caller: Caller) -> tuple[Stream, int]:
        stream, hours = self._service.find(params, caller), int(params["RetentionPeriodHours"])
        if hours < LEAST_HOURS:
            raise errors.invalid(f"Minimum allowed retention period is {LEAST_HOURS} hours.")
        if hours > MOST_HOURS:
            raise errors.invalid(f"Maximum allowed retention period is {MOST_HOURS} hours.")
        return stream, hours

    def encrypt(self, params: Params, caller: Caller) -> Response:
        """Stored and shown; records are kept as they are."""
        self._service.find(params, caller).key = params["KeyId"]
        return {}

    def decrypt(self, params: Params, caller: Caller) -> Response:
        """No encryption any more."""
        self._service.find(params, caller).key = ""
        return {}

    def monitor(self, params: Params, caller: Caller) -> Response:
        """Shard-level metrics, stored only."""
        return self._metrics(params, caller, lambda now, wanted: now | wanted)

    def unmonitor(self, params: Params, caller: Caller) -> Response:
        """Fewer shard-level metrics."""
        return self._metrics(params, caller, lambda now, wanted: now - wanted)

    def _metrics(self, params: Params, caller: Caller, change: Any) -> Response:
        stream = self._service.find(params, caller)
        given = set(params["ShardLevelMetrics"])
        wanted = set(_METRICS) if "ALL" in given else given
        before = stream.metrics
        left = change(set(before), wanted)
        stream.metrics = tuple(name for name in _METRICS if name in left)
        return {
            "StreamName": stream.name,
            "StreamARN": stream.arn,
            "CurrentShardLevelMetrics": list(before),
            "DesiredShardLevelMetrics": list(stream.metrics),
        }

    # Tags.

    def tag(self, params: Params, caller: Caller) -> Response:
        """Up to 50 tags."""
        stream = self._service.find(params, caller)
        wanted = {**stream.tags, **params["Tags"]}
        if len(wanted) > _MOST_TAGS:
            raise errors.invalid(
                f"Failed to add tags to stream {stream.name} under account {stream.account} because a given "
                f"stream cannot have more than {_MOST_TAGS} tags associated with it."
            )
        stream.tags = wanted
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Without some tags."""
        stream = self._service.find(params, caller)
        stream.tags = {key: value for key, value in stream.tags.items() if key not in params["TagKeys"]}
        return {}

    def list_tags(self, params: Params, caller: Caller) -> Response:
        """Tags by key and by page."""
        stream = self._service.find(params, caller)
        after, most = params.get("ExclusiveStartTagKey", ""), params.get("Limit") or 50
        keys = sorted(key for key in stream.tags if key > after)
        shown = [{"Key": key, "Value": stream.tags[key]} for key in keys[:most]]
        return {"Tags": shown, "HasMoreTags": len(keys) > most}

    def _tagged(self, params: Params, caller: Caller) -> tuple[Stream, str, dict[str, str]]:
        """The stream of a ResourceARN, the consumer's name when it is one ("" else), and the tags."""
        arn = params["ResourceARN"]
        stream = self._service.find({"StreamARN": self._service.stream_arn(arn)}, caller)
        if "/consumer/" not in arn:
            return stream, "", dict(stream.tags)
        for consumer in stream.consumers.values():
            if consumer.arn == arn:
                return stream, consumer.name, dict(consumer.tags)
        raise errors.not_found(f"Consumer {arns.last(arn)} under account {caller.account} not found.")

    @staticmethod
    def _put_tags(stream: Stream, consumer: str, tags: dict[str, str]) -> Response:
        if consumer:
            stream.consumers[consumer] = replace(stream.consumers[consumer], tags=tags)
        else:
            stream.tags = tags
        return {}

    def tag_resource(self, params: Params, caller: Caller) -> Response:
        """Tags of a stream or a consumer."""
        stream, consumer, tags = self._tagged(params, caller)
        return self._put_tags(stream, consumer, {**tags, **params["Tags"]})

    def untag_resource(self, params: Params, caller: Caller) -> Response:
        """Without some tags."""
        stream, consumer, tags = self._tagged(params, caller)
        left = {key: value for key, value in tags.items() if key not in params["TagKeys"]}
        return self._put_tags(stream, consumer, left)

    def list_resource_tags(self, params: Params, caller: Caller) -> Response:
        """All tags of a stream or a consumer."""
        _, _, tags = self._tagged(params, caller)
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}

    # Resource policies: stored.

    def put_policy(self, params: Params, caller: Caller) -> Response:
        """The policy of a stream."""
        self._service.find({"StreamARN": params["ResourceARN"]}, caller).policy = params["Policy"]
        return {}

    def get_policy(self, params: Params, caller: Caller) -> Response:
        """The policy of a stream, "{}" when it has none."""
        return {"Policy": self._service.find({"StreamARN": params["ResourceARN"]}, caller).policy or "{}"}

    def delete_policy(self, params: Params, caller: Caller) -> Response:
        """No policy any more."""
        self._service.find({"StreamARN": params["ResourceARN"]}, caller).policy = ""
        return {}


_SUMMARY = ("StreamName", "StreamARN", "StreamStatus", "StreamModeDetails", "StreamCreationTimestamp")


def _place(caller: Caller) -> tuple[str, str]:
    return caller.account, caller.region


def _refusal(operation: str) -> Operation:
    def refuse(params: Params, caller: Caller) -> Response:
        raise errors.not_emulated(operation, "nothing here depends on it")

    return refuse
