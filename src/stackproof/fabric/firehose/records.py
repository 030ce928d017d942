"""PutRecord and PutRecordBatch: their limits, and records that are refused one by one.

Source: API reference, "PutRecordBatch": 500 records and 4 MiB a call, 1,000 KiB a record; an answer of
200 may hold records that were throttled. Whether one is, says ``FirehoseService.refusals``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.firehose import errors
from stackproof.fabric.firehose.model import MIB, DeliveryStream, Item
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.firehose.service import FirehoseService

MOST_RECORDS = 500
MOST_BYTES = 4 * MIB
MOST_RECORD_BYTES = 1_024_000


class Records:
    """Takes records in."""

    def __init__(self, service: FirehoseService) -> None:
        self._service = service
        self._world = service.world
        self._count = 0
        self.operations: Mapping[str, Operation] = {
            "PutRecord": self.put_record,
            "PutRecordBatch": self.put_record_batch,
        }

    def put_record(self, params: Params, caller: Caller) -> Response:
        """One record."""
        stream = self._direct(params, caller)
        data = _bytes(params["Record"]["Data"])
        _check(data)
        if self._service.refused(stream, data):
            raise ServiceError("ServiceUnavailableException", "Slow down.", status=503)
        (item,) = self.items([data])
        self._service.take(stream, [item])
        return {"RecordId": item.id, "Encrypted": stream.encryption.get("Status") == "ENABLED"}

    def put_record_batch(self, params: Params, caller: Caller) -> Response:
        """Many records; each is taken or refused by itself."""
        stream = self._direct(params, caller)
        given = [_bytes(record["Data"]) for record in params["Records"]]
        if len(given) > MOST_RECORDS:
            raise errors.invalid(
                "1 validation error detected: Value at 'records' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MOST_RECORDS}"
            )
        for data in given:
            _check(data)
        if sum(map(len, given)) > MOST_BYTES:
            raise errors.invalid("Records size exceeds 4 MB limit")
        answers: list[dict[str, Any]] = []
        taken: list[Item] = []
        for item in self.items(given):
            if self._service.refused(stream, item.data):
                answers.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
                continue
            taken.append(item)
            answers.append({"RecordId": item.id})
        self._service.take(stream, taken)
        return {
            "FailedPutCount": len(given) - len(taken),
            "Encrypted": stream.encryption.get("Status") == "ENABLED",
            "RequestResponses": answers,
        }

    def _direct(self, params: Params, caller: Caller) -> DeliveryStream:
        stream = self._service.find(params, caller)
        if stream.type != "DirectPut":
            raise errors.invalid(f"This operation is not permitted on {stream.type} delivery stream type.")
        return stream

    def items(self, given: list[bytes]) -> list[Item]:
        """Records that arrive now."""
        now = self._world.clock.ms
        found = []
        for data in given:
            self._count += 1
            found.append(Item(f"{now:016d}{self._count:040d}", data, now))
        return found

    def snapshot(self) -> Any:
        """The number of the last record."""
        return self._count

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._count = state


def _bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def _check(data: bytes) -> None:
    if len(data) > MOST_RECORD_BYTES:
        raise ServiceError(
            "ValidationException",
            "1 validation error detected: Value at 'record.data' failed to satisfy constraint: Member must "
            f"have length less than or equal to {MOST_RECORD_BYTES}",
        )
