"""GetShardIterator and GetRecords."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric.clock import iso
from stackproof.fabric.kinesis import errors
from stackproof.fabric.kinesis.sequence import ITERATOR_MS, Iterator, decoded, iterator
from stackproof.fabric.kinesis.stream import Stream
from stackproof.fabric.kinesis.views import hash_range
from stackproof.fabric.service import Caller, Operation, Params, Response
from stackproof.fabric.shards import Record, Shard

if TYPE_CHECKING:
    from stackproof.fabric.kinesis.service import KinesisService

MOST_RECORDS, MOST_BYTES = 10_000, 10 * 1024 * 1024


class Reading:
    """What gives records out."""

    def __init__(self, service: KinesisService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "GetShardIterator": self.get_shard_iterator,
            "GetRecords": self.get_records,
        }

    def get_shard_iterator(self, params: Params, caller: Caller) -> Response:
        """An iterator for five minutes."""
        stream = self._service.find(params, caller)
        stream.trim(self._world.clock.ms)
        shard = stream.shards.get(params["ShardId"])
        if shard is None:
            raise errors.not_found(
                f"Shard {params['ShardId']} in stream {stream.name} under account {stream.account} does not "
                "exist"
            )
        index = self._index(stream, shard, params)
        return {"ShardIterator": Iterator(stream.arn, shard.id, index, self._world.clock.ms).text()}

    def _index(self, stream: Stream, shard: Shard, params: Params) -> int:
        kind = params["ShardIteratorType"]
        if kind == "TRIM_HORIZON":
            return shard.first
        if kind == "LATEST":
            return shard.next
        if kind == "AT_TIMESTAMP":
            return self._at(params.get("Timestamp"), shard)
        if kind not in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            raise errors.validation(
                kind, "shardIteratorType",
                "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, "
                "AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
            )  # fmt: skip
        text = params.get("StartingSequenceNumber")
        if text is None:
            raise errors.invalid(f"Must either specify a StartingSequenceNumber for type {kind}.")
        place = decoded(text)
        if place is None or place[0] != shard.number or place[1] >= shard.next:
            raise errors.invalid(
                f"StartingSequenceNumber {text} used in GetShardIterator on shard {shard.id} in stream "
                f"{stream.name} under account {stream.account} is invalid because it did not come from this "
                "stream."
            )
        return max(place[1] + int(kind == "AFTER_SEQUENCE_NUMBER"), 0)

    def _at(self, moment: Any, shard: Shard) -> int:
        if moment is None:
            raise errors.invalid("Must specify timestamp parameter for iterator of type AT_TIMESTAMP.")
        seconds = moment.timestamp() if isinstance(moment, datetime) else float(moment)
        ms = int(seconds * 1000 + 0.5)
        if ms > self._world.clock.ms:
            raise errors.invalid(
                "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
                f"timestampInMillis: {ms}, currentTimestampInMillis: {self._world.clock.ms}"
            )
        return shard.since(ms)

    def get_records(self, params: Params, caller: Caller) -> Response:
        """Up to 10,000 records or 10 MiB; no NextShardIterator at the end of a closed shard."""
        held = iterator(params["ShardIterator"])
        stream = self._service.streams.get(held.stream) if held else None
        if held is None:
            raise errors.invalid("Invalid ShardIterator.")
        limit = params.get("Limit") or MOST_RECORDS
        if limit > MOST_RECORDS:
            raise errors.validation(limit, "limit", "Member must have value less than or equal to 10000")
        now = self._world.clock.ms
        if now - held.made_ms > ITERATOR_MS:
            raise errors.expired_iterator(iso(held.made_ms), iso(now))
        if stream is None:
            raise errors.no_stream(held.stream.rsplit("/", 1)[-1], caller.account)
        stream.trim(now)
        shard = stream.shards.get(held.shard)
        if shard is None:
            return {"Records": [], "MillisBehindLatest": 0}
        rate = stream.rates[shard.id]
        meters = self._world.meters
        if self._service.limits and not rate.read(now):
            meters.add(stream.arn, "ReadProvisionedThroughputExceeded")
            raise errors.throughput(shard.id, stream.name, stream.account)
        records, index, size = _taken(shard, max(held.index, shard.first), limit)
        rate.given(now, size)
        meters.add(stream.arn, "GetRecords.Records", len(records))
        age = now - records[-1].ms if records else 0
        meters.add(stream.arn, "GetRecords.IteratorAgeMilliseconds", age)
        return self._answer(stream, shard, records, index)

    def _answer(self, stream: Stream, shard: Shard, records: list[Record], index: int) -> Response:
        now = self._world.clock.ms
        left = shard.at(index)
        answer: Response = {
            "Records": [_shown(record, stream) for record in records],
            "MillisBehindLatest": 0 if left is None else max(now - left.ms, 0),
        }
        if left is None and not shard.open:
            answer["ChildShards"] = [_child(s) for s in stream.shards.values() if shard.id in s.parents]
        else:
            answer["NextShardIterator"] = Iterator(stream.arn, shard.id, index, now).text()
        return answer


def _taken(shard: Shard, index: int, limit: int) -> tuple[list[Record], int, int]:
    """Records from an index on, the index after them, and their bytes."""
    found: list[Record] = []
    size = 0
    while len(found) < limit and (record := shard.at(index)) is not None:
        if found and size + record.size > MOST_BYTES:
            break
        found.append(record)
        size += record.size
        index += 1
    return found, index, size


def _shown(record: Record, stream: Stream) -> dict[str, Any]:
    shown = {
        "SequenceNumber": record.sequence,
        "ApproximateArrivalTimestamp": datetime.fromtimestamp(record.ms / 1000, UTC),
        "Data": record.data,
        "PartitionKey": record.key,
    }
    return {**shown, "EncryptionType": "KMS"} if stream.key else shown


def _child(shard: Shard) -> dict[str, Any]:
    return {"ShardId": shard.id, "ParentShards": list(shard.parents), "HashKeyRange": hash_range(shard)}
