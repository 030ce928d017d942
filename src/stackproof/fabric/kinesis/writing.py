"""PutRecord and PutRecords.

A record (data and partition key) has up to 1 MiB unless the stream was given more with
UpdateMaxRecordSize; a call of PutRecords has up to 500 records and 5 MiB (10 MiB once the stream takes
larger records).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.kinesis import errors
from stackproof.fabric.kinesis.sequence import LAST_HASH, decoded, hash_key
from stackproof.fabric.kinesis.stream import Stream
from stackproof.fabric.service import Caller, Operation, Params, Response
from stackproof.fabric.shards import Record, Shard

if TYPE_CHECKING:
    from stackproof.fabric.kinesis.service import KinesisService

MOST_RECORDS = 500
_CALL_BYTES, _LARGE_CALL_BYTES = 5 * 1024 * 1024, 10 * 1024 * 1024
_HASH = re.compile("0|([1-9][0-9]{0,38})")


class Writing:
    """What puts records into shards."""

    def __init__(self, service: KinesisService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "PutRecord": self.put_record,
            "PutRecords": self.put_records,
        }

    def put_record(self, params: Params, caller: Caller) -> Response:
        """One record; raises ProvisionedThroughputExceededException when its shard is at its rate."""
        stream = self._service.find(params, caller)
        ordering = params.get("SequenceNumberForOrdering")
        if ordering is not None and decoded(ordering) is None:
            raise errors.invalid(f"SequenceNumberForOrdering {ordering} is invalid for stream {stream.name}.")
        data, key, size = self._checked(stream, params, "data", "partitionKey")
        record, shard = self._put(stream, data, key, size, params.get("ExplicitHashKey"))
        if record is None:
            raise errors.throughput(shard.id, stream.name, stream.account)
        self._service.watchers.wake(stream.arn)
        return {"ShardId": shard.id, "SequenceNumber": record.sequence, **_encryption(stream)}

    def put_records(self, params: Params, caller: Caller) -> Response:
        """Many records: each succeeds or fails by itself, in the order of the request."""
        stream = self._service.find(params, caller)
        entries = params["Records"]
        if len(entries) > MOST_RECORDS:
            raise errors.validation(
                "", "records", f"Member must have length less than or equal to {MOST_RECORDS}"
            )
        checked = [
            self._checked(stream, entry, f"records.{n}.member.data", f"records.{n}.member.partitionKey")
            for n, entry in enumerate(entries, start=1)
        ]
        largest = _CALL_BYTES if stream.record_kib <= 1024 else _LARGE_CALL_BYTES
        if sum(size for _, _, size in checked) > largest:
            raise errors.invalid(f"Records size exceeds {largest // (1024 * 1024)} MB limit")
        hashes = [self._hash(entry.get("ExplicitHashKey"), entry["PartitionKey"]) for entry in entries]
        answers = []
        for (data, key, size), hashed in zip(checked, hashes, strict=True):
            record, shard = self._append(stream, data, key, size, hashed)
            answers.append(_answer(record, shard, stream))
        self._service.watchers.wake(stream.arn)
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedRecordCount": failed, "Records": answers, **_encryption(stream)}

    @staticmethod
    def _checked(stream: Stream, entry: Params, data_at: str, key_at: str) -> tuple[bytes, str, int]:
        given, key = entry["Data"], entry["PartitionKey"]
        data = given.encode() if isinstance(given, str) else bytes(given)
        if not 1 <= len(key) <= 256:
            bound = "less than or equal to 256" if key else "greater than or equal to 1"
            raise errors.validation(key, key_at, f"Member must have length {bound}")
        largest = stream.record_kib * 1024
        size = len(data) + len(key.encode())
        if size > largest:
            raise errors.validation("", data_at, f"Member must have length less than or equal to {largest}")
        return data, key, size

    @staticmethod
    def _hash(explicit: str | None, key: str) -> int:
        if explicit is None:
            return hash_key(key)
        if not _HASH.fullmatch(explicit) or int(explicit) > LAST_HASH:
            raise errors.invalid(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified "
                f"value was {explicit}"
            )
        return int(explicit)

    def _put(
        self, stream: Stream, data: bytes, key: str, size: int, explicit: str | None
    ) -> tuple[Record | None, Shard]:
        return self._append(stream, data, key, size, self._hash(explicit, key))

    def _append(
        self, stream: Stream, data: bytes, key: str, size: int, hashed: int
    ) -> tuple[Record | None, Shard]:
        """The record and its shard; no record when the shard's rate is used up."""
        shard = stream.shard_of(hashed)
        ms = self._world.clock.ms
        meters = self._world.meters
        if self._service.limits and not stream.rates[shard.id].write(ms, size):
            meters.add(stream.arn, "WriteProvisionedThroughputExceeded")
            return None, shard
        meters.add(stream.arn, "IncomingRecords")
        meters.add(stream.arn, "IncomingBytes", size)
        return stream.add(shard, key, data, ms, size), shard


def _answer(record: Record | None, shard: Shard, stream: Stream) -> dict[str, Any]:
    if record is None:
        error = errors.throughput(shard.id, stream.name, stream.account)
        return {"ErrorCode": error.code, "ErrorMessage": error.message}
    return {"SequenceNumber": record.sequence, "ShardId": shard.id}


def _encryption(stream: Stream) -> dict[str, str]:
    return {"EncryptionType": "KMS"} if stream.key else {}
