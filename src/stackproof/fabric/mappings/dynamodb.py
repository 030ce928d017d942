"""The streams of DynamoDB tables as event sources."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from stackproof.fabric import patterns
from stackproof.fabric.clock import iso
from stackproof.fabric.mappings.lanes import Batch, Entry
from stackproof.fabric.mappings.model import EventSourceMapping
from stackproof.fabric.mappings.stream import StreamSource
from stackproof.fabric.shards import Record, Shard


class TableSource(StreamSource):
    """Order is kept per item. Filter patterns see the record as the function gets it."""

    kind = "dynamodbstreams"
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")

    def entry(self, record: Record, shard: Shard, mapping: EventSourceMapping) -> Entry:
        """A record as Lambda writes it."""
        data = record.data
        images = {name: plain(data[name]) for name in ("Keys", "NewImage", "OldImage") if name in data}
        found: Entry = {
            "eventID": data["eventID"],
            "eventName": data["eventName"],
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": mapping.region,
            "dynamodb": {
                "ApproximateCreationDateTime": float(record.ms // 1000),
                **images,
                "SequenceNumber": record.sequence,
                "SizeBytes": record.size,
                "StreamViewType": data["view"],
            },
            "eventSourceARN": mapping.source,
        }
        if "identity" in data:
            found["userIdentity"] = {"type": "Service", "principalId": data["identity"]}
        return found

    def passes(self, entry: Entry, wanted: Sequence[Mapping[str, Any]]) -> bool:
        """As event patterns do; numbers of items are texts (developer guide)."""
        return any(patterns.matches(pattern, entry) for pattern in wanted)

    def info(self, batch: Batch) -> dict[str, Any]:
        """DDBStreamBatchInfo."""
        first, last = (record.ms // 1000 * 1000 for record in (batch.pairs[0][0], batch.pairs[-1][0]))
        times = {
            "approximateArrivalOfFirstRecord": iso(first).replace(".000Z", "Z"),
            "approximateArrivalOfLastRecord": iso(last).replace(".000Z", "Z"),
        }
        return {"DDBStreamBatchInfo": times}


def plain(value: Any) -> Any:
    """DynamoDB JSON as JSON: bytes become base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value
