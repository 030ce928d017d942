"""Kinesis data streams, and their registered consumers, as event sources."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from stackproof.fabric import patterns
from stackproof.fabric.clock import iso
from stackproof.fabric.mappings.lanes import Batch, Entry
from stackproof.fabric.mappings.model import EventSourceMapping
from stackproof.fabric.mappings.stream import StreamSource
from stackproof.fabric.shards import Record, Shard


class KinesisSource(StreamSource):
    """Filter patterns see the record's members and, as ``data``, its decoded data."""

    kind = "kinesis"
    actions = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
    positions = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")

    def entry(self, record: Record, shard: Shard, mapping: EventSourceMapping) -> Entry:
        """A record as Lambda writes it."""
        function = self.functions.functions.get(mapping.function)
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.key,
                "sequenceNumber": record.sequence,
                "data": base64.b64encode(record.data).decode(),
                "approximateArrivalTimestamp": record.ms / 1000,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard.id}:{record.sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": function.latest.config.get("Role", "") if function else "",
            "awsRegion": mapping.region,
            "eventSourceARN": mapping.source,
        }

    def passes(self, entry: Entry, wanted: Sequence[Mapping[str, Any]]) -> bool:
        """Data is looked at as JSON where the pattern wants an object there, as text where it wants texts.

        Data of the other kind does not match (developer guide, "Properly filtering Kinesis data").
        """
        inner = entry["kinesis"]
        text = base64.b64decode(inner["data"]).decode("utf-8", "replace")
        try:
            decoded = json.loads(text)
        except ValueError:
            decoded = None
        seen = {**entry, **{name: value for name, value in inner.items() if name != "data"}}
        return any(patterns.matches(pattern, {**seen, **_data(pattern, text, decoded)}) for pattern in wanted)

    def info(self, batch: Batch) -> dict[str, Any]:
        """KinesisBatchInfo."""
        first, last = batch.pairs[0][0], batch.pairs[-1][0]
        times = {
            "approximateArrivalOfFirstRecord": iso(first.ms),
            "approximateArrivalOfLastRecord": iso(last.ms),
        }
        return {"KinesisBatchInfo": times}


def _data(pattern: Mapping[str, Any], text: str, decoded: Any) -> dict[str, Any]:
    structured = isinstance(decoded, (dict, list))
    if structured != isinstance(pattern.get("data"), Mapping):
        return {}
    return {"data": decoded if structured else text}
