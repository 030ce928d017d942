"""Streams and shards as the API describes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stackproof.fabric.kinesis.sequence import number
from stackproof.fabric.kinesis.stream import Stream
from stackproof.fabric.shards import Shard


def moment(ms: int) -> datetime:
    """Milliseconds as a datetime."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def hash_range(shard: Shard) -> dict[str, str]:
    """HashKeyRange."""
    return {"StartingHashKey": str(shard.start), "EndingHashKey": str(shard.end)}


def shard_view(shard: Shard) -> dict[str, Any]:
    """A shard."""
    numbers = {"StartingSequenceNumber": number(shard.number, shard.created_ms, -1, shard.created_ms)}
    if shard.closed_ms is not None:
        numbers["EndingSequenceNumber"] = number(shard.number, shard.created_ms, shard.next, shard.closed_ms)
    shown: dict[str, Any] = {
        "ShardId": shard.id,
        "HashKeyRange": hash_range(shard),
        "SequenceNumberRange": numbers,
    }
    return shown | dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))


def summary(stream: Stream) -> dict[str, Any]:
    """What DescribeStream and DescribeStreamSummary both tell."""
    shown: dict[str, Any] = {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": mode(stream)},
        "RetentionPeriodHours": stream.retention_hours,
        "StreamCreationTimestamp": moment(stream.created_ms),
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(stream.metrics)}],
        "EncryptionType": "KMS" if stream.key else "NONE",
    }
    if stream.key:
        shown["KeyId"] = stream.key
    return shown


def mode(stream: Stream) -> str:
    """ON_DEMAND or PROVISIONED."""
    return "ON_DEMAND" if stream.on_demand else "PROVISIONED"
