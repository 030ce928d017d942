"""The service DynamoDB Streams: what happened to the items of tables, for 24 hours.

Whoever keeps the tables hands every change to ``changed``. Order is kept per item; a stream has one open
shard at a time, followed by another after four hours. Source: developer guide, "Change data capture for
DynamoDB Streams".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.clock import iso
from stackproof.fabric.dynamodb.change import Change
from stackproof.fabric.dynamodb.table_stream import RETENTION_MS, TableStream
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.shards import Notify, Record, Shard, Watchers

if TYPE_CHECKING:
    from stackproof.fabric.world import World

ITERATOR_MS = 15 * 60_000
"""How long a shard iterator holds."""
MOST_RECORDS, MOST_BYTES = 1000, 1024 * 1024
TTL = "dynamodb.amazonaws.com"
"""The principal of deletions by time to live."""


class DynamoDbStreamsService:
    """One instance serves all accounts and regions. It is a ``Feed`` for event source mappings."""

    name = "dynamodbstreams"

    def __init__(self, world: World) -> None:
        self._world = world
        self.streams: dict[str, TableStream] = {}
        self._watchers = Watchers(world.scheduler)
        self.operations: Mapping[str, Operation] = {
            "ListStreams": self.list_streams,
            "DescribeStream": self.describe_stream,
            "GetShardIterator": self.get_shard_iterator,
            "GetRecords": self.get_records,
        }

    # What whoever keeps the tables tells.

    def opened(self, arn: str, view: str, keys: Sequence[str]) -> TableStream:
        """A table's stream was switched on (again: the same)."""
        stream = self.streams.get(arn)
        if stream is None:
            now = self._world.clock.ms
            stream = self.streams[arn] = TableStream(arn, view, tuple(keys), now)
            stream.grow(now, self._world.ids.hex(8))
        return stream

    def closed(self, table: str) -> None:
        """The streams of a table (its ARN) take no more records."""
        for stream in self.streams.values():
            if stream.enabled and stream.arn.startswith(f"{table}/stream/"):
                stream.disable(self._world.clock.ms)
                self._watchers.wake(stream.arn)

    def changed(self, changes: Iterable[Change], caller: Caller) -> None:
        """Items changed: one record each, in order, unless nothing changed or the stream is off."""
        now = self._world.clock.ms
        for change in changes:
            name = change.name
            if not change.stream:
                continue
            stream = self.opened(change.stream, change.view, change.keys)
            if not name or not stream.enabled:
                continue
            images = change.images()
            data: dict[str, Any] = {
                "eventID": self._world.ids.hex(32),
                "eventName": name,
                "view": change.view,
            }
            data |= images
            if caller.service == TTL:
                data["identity"] = TTL
            key = json.dumps(images["Keys"], default=repr)
            shard = stream.current(now) or stream.grow(now, self._world.ids.hex(8))
            stream.add(shard, key, data, now, images["SizeBytes"])
            self._watchers.wake(stream.arn)

    # The feed of event source mappings.

    def exists(self, source: str) -> bool:
        """Whether there is such a stream."""
        stream = self.streams.get(source)
        return stream is not None and not stream.gone(self._world.clock.ms)

    def shards(self, source: str) -> Sequence[Shard]:
        """Its shards, oldest first."""
        stream = self.streams.get(source)
        if stream is None:
            return ()
        stream.trim(self._world.clock.ms)
        return tuple(stream.shards.values())

    def retention_ms(self, source: str) -> int:
        """24 hours."""
        return RETENTION_MS

    def watch(self, source: str, notify: Notify) -> None:
        """See ``Feed``."""
        self._watchers.add(source, notify)

    def unwatch(self, source: str, notify: Notify) -> None:
        """See ``Feed``."""
        self._watchers.remove(source, notify)

    # The API.

    def _find(self, arn: str) -> TableStream:
        stream = self.streams.get(arn)
        if stream is None or stream.gone(self._world.clock.ms):
            raise _error(
                "ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found"
            )
        stream.trim(self._world.clock.ms)
        return stream

    def list_streams(self, params: Params, caller: Caller) -> Response:
        """The streams of an account and region, or of one table."""
        home = arns.arn("dynamodb", caller.region, caller.account, "table/")
        table, after = params.get("TableName"), params.get("ExclusiveStartStreamArn", "")
        now = self._world.clock.ms
        found = [
            stream
            for arn, stream in sorted(self.streams.items())
            if arn.startswith(home) and table in (None, stream.table) and arn > after and not stream.gone(now)
        ]
        most = params.get("Limit") or 100
        answer: Response = {
            "Streams": [
                {"StreamArn": s.arn, "TableName": s.table, "StreamLabel": s.label} for s in found[:most]
            ]
        }
        if len(found) > most:
            answer["LastEvaluatedStreamArn"] = found[most - 1].arn
        return answer

    def describe_stream(self, params: Params, caller: Caller) -> Response:
        """A stream with its shards by page."""
        stream = self._find(params["StreamArn"])
        after, most = params.get("ExclusiveStartShardId", ""), params.get("Limit") or 100
        shards = [shard for name, shard in stream.shards.items() if name > after]
        kinds = ("HASH", "RANGE")
        shown: Response = {
            "StreamArn": stream.arn,
            "StreamLabel": stream.label,
            "StreamStatus": "ENABLED" if stream.enabled else "DISABLED",
            "StreamViewType": stream.view,
            "CreationRequestDateTime": _moment(stream.created_ms),
            "TableName": stream.table,
            "KeySchema": [
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(stream.keys, kinds, strict=False)
            ],
            "Shards": [_shard(stream, shard) for shard in shards[:most]],
        }
        if len(shards) > most:
            shown["LastEvaluatedShardId"] = shards[most - 1].id
        return {"StreamDescription": shown}

    def get_shard_iterator(self, params: Params, caller: Caller) -> Response:
        """An iterator for fifteen minutes."""
        stream = self._find(params["StreamArn"])
        shard = stream.shards.get(params["ShardId"])
        if shard is None:
            raise _error(
                "ResourceNotFoundException", f"Requested resource not found: Shard: {params['ShardId']}"
            )
        return {"ShardIterator": self._iterator(stream, shard, self._index(stream, shard, params))}

    def _index(self, stream: TableStream, shard: Shard, params: Params) -> int:
        kind = params["ShardIteratorType"]
        if kind == "TRIM_HORIZON":
            return shard.first
        if kind == "LATEST":
            return shard.next
        sequence = params.get("SequenceNumber")
        index = stream.index(shard, sequence) if sequence else None
        if index is None:
            raise _error("ValidationException", f"Invalid SequenceNumber '{sequence}' for {kind}")
        if index < shard.first:
            raise _error(
                "TrimmedDataAccessException", "The requested sequence number is beyond the trim horizon"
            )
        return index + int(kind == "AFTER_SEQUENCE_NUMBER")

    def _iterator(self, stream: TableStream, shard: Shard, index: int) -> str:
        held = json.dumps([shard.id, index, self._world.clock.ms]).encode()
        return f"{stream.arn}|1|{base64.b64encode(held).decode()}"

    def get_records(self, params: Params, caller: Caller) -> Response:
        """Up to 1,000 records or 1 MB; no NextShardIterator at the end of a closed shard."""
        arn, shard_id, index, made_ms = _held(params["ShardIterator"])
        now = self._world.clock.ms
        if now - made_ms > ITERATOR_MS:
            raise _error(
                "ExpiredIteratorException",
                f"Shard iterator of {iso(made_ms)} has expired: it holds 15 minutes",
            )
        stream = self._find(arn)
        shard = stream.shards.get(shard_id)
        if shard is None or index < shard.first:
            raise _error("TrimmedDataAccessException", "The records at the iterator have been trimmed")
        found: list[Record] = []
        size = 0
        most = params.get("Limit") or MOST_RECORDS
        while len(found) < most and (record := shard.at(index)) is not None:
            if found and size + record.size > MOST_BYTES:
                break
            found.append(record)
            size += record.size
            index += 1
        answer: Response = {"Records": [api_record(record, stream) for record in found]}
        if shard.open or index < shard.next:
            answer["NextShardIterator"] = self._iterator(stream, shard, index)
        return answer

    # Snapshots.

    def snapshot(self) -> Any:
        """Copies of all streams and of who watches them."""
        return {arn: stream.clone() for arn, stream in self.streams.items()}, self._watchers.snapshot()

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        streams, watchers = state
        self.streams = {arn: stream.clone() for arn, stream in streams.items()}
        self._watchers.restore(watchers)


def _error(code: str, message: str) -> ServiceError:
    return ServiceError(code, message, extra={"message": message})


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _shard(stream: TableStream, shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": stream.sequence(shard, 0)}
    if not shard.open:
        numbers["EndingSequenceNumber"] = stream.sequence(shard, max(shard.next - 1, 0))
    shown: dict[str, Any] = {"ShardId": shard.id, "SequenceNumberRange": numbers}
    return {**shown, "ParentShardId": shard.parents[0]} if shard.parents else shown


def _held(text: str) -> tuple[str, str, int, int]:
    arn, _, rest = text.partition("|1|")
    try:
        shard, index, made_ms = json.loads(base64.b64decode(rest, validate=True))
    except (ValueError, TypeError) as error:
        raise _error("ValidationException", "Invalid ShardIterator") from error
    return arn, str(shard), int(index), int(made_ms)


def api_record(record: Record, stream: TableStream) -> dict[str, Any]:
    """A record as GetRecords answers it; times are whole seconds."""
    data = record.data
    images = {name: data[name] for name in ("Keys", "NewImage", "OldImage") if name in data}
    shown: dict[str, Any] = {
        "eventID": data["eventID"],
        "eventName": data["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream.region,
        "dynamodb": {
            "ApproximateCreationDateTime": _moment(record.ms // 1000 * 1000),
            **images,
            "SequenceNumber": record.sequence,
            "SizeBytes": record.size,
            "StreamViewType": stream.view,
        },
    }
    if "identity" in data:
        shown["userIdentity"] = {"PrincipalId": data["identity"], "Type": "Service"}
    return shown
