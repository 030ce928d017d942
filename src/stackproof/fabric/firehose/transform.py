"""The transform function: batches of records go through a function, and come back one by one.

A batch is sent when it holds as many bytes or is as old as the processor's hints say (1 MiB, 60 s). A call
that fails is made again (three times unless told otherwise); then the whole batch is unsuccessfully
processed. Source: Firehose developer guide, "Transform source data in Amazon Data Firehose".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric.firehose.model import MIB, DeliveryStream, Failure, Item
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.service import ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.firehose.service import FirehoseService

FAILED = "processing-failed"
_MOST_BYTES = 6 * MIB
_ENVELOPE = 400
"""Bytes that a record's own members take in a call, at most."""


class _Refused(Exception):
    """A function's answer is not what Firehose takes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Batch:
    """Records that wait for a call; ``number`` tells one filling from the next."""

    number: int
    size: int = 0
    items: list[Item] = field(default_factory=list)

    def clone(self) -> Batch:
        """A copy of its own."""
        return Batch(self.number, self.size, list(self.items))


class Transform:
    """``waiting`` is by stream."""

    def __init__(self, service: FirehoseService) -> None:
        self._service = service
        self._world = service.world
        self.waiting: dict[str, Batch] = {}
        self._number = 0

    def add(self, stream: DeliveryStream, items: Sequence[Item], parameters: Mapping[str, str]) -> None:
        """Let records wait for the next call."""
        most = min(float(parameters.get("BufferSizeInMBs", 1)) * MIB, _MOST_BYTES * 3 / 4)
        for item in items:
            known = self.waiting.get(stream.arn)
            size = len(item.data) + _ENVELOPE
            if known is not None and known.size + size > _MOST_BYTES * 3 // 4:
                self._call(stream)
                known = None
            if known is None:
                known = self._begin(stream, float(parameters.get("BufferIntervalInSeconds", 60)))
            known.size += size
            known.items.append(item)
            if known.size >= most:
                self._call(stream)

    def _begin(self, stream: DeliveryStream, seconds: float) -> Batch:
        self._number += 1
        label = f"{stream.name}: records are transformed"
        self._world.scheduler.after(seconds, label, self._due, stream.arn, self._number)
        self.waiting[stream.arn] = found = Batch(self._number)
        return found

    def _due(self, arn: str, number: int) -> None:
        stream, batch = self._service.streams.get(arn), self.waiting.get(arn)
        if stream is not None and batch is not None and batch.number == number:
            self._call(stream)

    def _call(self, stream: DeliveryStream) -> None:
        batch = self.waiting.pop(stream.arn)
        label = f"{stream.name} transforms {len(batch.items)} records"
        self._world.scheduler.soon(label, self._invoke, stream.arn, tuple(batch.items), 1)

    # Calling.

    def _invoke(self, arn: str, items: tuple[Item, ...], attempt: int) -> None:
        stream = self._service.streams.get(arn)
        processors = stream.processors("Lambda") if stream is not None else []
        if stream is None or not processors:
            return
        parameters = processors[0]
        named = parameters["LambdaArn"]

        def ended(invocation: Invocation, outcome: Outcome) -> None:
            self._ended(stream, items, attempt, parameters, outcome)

        functions = self._world.service("lambda")
        caller = self._world.caller(stream.account, stream.region, actor=stream.name)
        try:
            function, what = functions.find({"FunctionName": named}, caller)
            version = functions.resolve(function, what.qualifier)
            payload = json.dumps(self._event(stream, items)).encode()
            functions.invoking.start(function, version, named, payload, stream.name, ended)
        except ServiceError as error:
            self._again(stream, items, attempt, parameters, "Lambda.InvokeLimitExceeded", error.message)

    def _event(self, stream: DeliveryStream, items: Sequence[Item]) -> dict[str, Any]:
        found: dict[str, Any] = {
            "invocationId": self._world.ids.uuid(),
            "deliveryStreamArn": stream.arn,
            "region": stream.region,
            "records": [_sent(item) for item in items],
        }
        if stream.source:
            found["sourceKinesisStreamArn"] = stream.source["KinesisStreamARN"]
        return found

    def _again(
        self, stream: DeliveryStream, items: tuple[Item, ...], attempt: int, parameters: Mapping[str, str],
        code: str, message: str,
    ) -> None:  # fmt: skip
        if attempt <= int(parameters.get("NumberOfRetries", 3)):
            label = f"{stream.name} transforms {len(items)} records: retry {attempt}"
            self._world.scheduler.after(1, label, self._invoke, stream.arn, items, attempt + 1)
            return
        failure = Failure(code, message, attempt, parameters["LambdaArn"])
        self._service.buffers.fail(stream, FAILED, items, failure)

    def _ended(
        self, stream: DeliveryStream, items: tuple[Item, ...], attempt: int, parameters: Mapping[str, str],
        outcome: Outcome,
    ) -> None:  # fmt: skip
        if outcome.error:
            message = "The Lambda function was successfully invoked but it returned an error result."
            self._again(stream, items, attempt, parameters, "Lambda.FunctionError", message)
            return
        try:
            found = _results(outcome.payload, items)
        except _Refused as refused:
            failure = Failure(refused.code, refused.message, attempt, parameters["LambdaArn"])
            self._service.buffers.fail(stream, FAILED, items, failure)
            return
        good, bad = [], []
        for item in items:
            result = found[item.id]
            if result["result"] == "Ok":
                good.append(_changed(item, result))
            elif result["result"] == "ProcessingFailed":
                bad.append(item)
        failure = Failure(
            "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record", attempt,
            parameters["LambdaArn"],
        )  # fmt: skip
        self._service.buffers.fail(stream, FAILED, bad, failure)
        self._service.processed(stream, good)

    def snapshot(self) -> Any:
        """Copies of the batches."""
        return {arn: batch.clone() for arn, batch in self.waiting.items()}, self._number

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        waiting, self._number = state
        self.waiting = {arn: batch.clone() for arn, batch in waiting.items()}


def _sent(item: Item) -> dict[str, Any]:
    found: dict[str, Any] = {
        "recordId": item.id,
        "approximateArrivalTimestamp": item.ms,
        "data": base64.b64encode(item.data).decode(),
    }
    if item.kinesis:
        found["kinesisRecordMetadata"] = dict(item.kinesis)
    return found


def _results(payload: bytes, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """Results by record id; raises ``_Refused`` for an answer that is none."""
    try:
        records = json.loads(payload)["records"]
        found = {record["recordId"]: record for record in records}
    except (ValueError, KeyError, TypeError) as error:
        raise _Refused("Lambda.JsonProcessingException", f"The answer has no records: {error}") from error
    if len(found) < len(records):
        raise _Refused("Lambda.DuplicatedRecordId", "Multiple records were returned with the same record ID.")
    if found.keys() < {item.id for item in items}:
        raise _Refused("Lambda.MissingRecordId", "One or more record Ids were not returned.")
    for item in items:
        record = found.get(item.id)
        if record is None:
            raise _Refused("Lambda.MissingRecordId", "One or more record Ids were not returned.")
        if record.get("result") not in ("Ok", "Dropped", "ProcessingFailed"):
            raise _Refused("Lambda.InvalidResult", f"{record.get('result')!r} is no result")
        if record["result"] == "Ok":
            try:
                base64.b64decode(record["data"], validate=True)
            except (KeyError, TypeError, binascii.Error) as error:
                raise _Refused("Lambda.JsonProcessingException", f"The data is no base64: {error}") from error
    return found


def _changed(item: Item, result: Mapping[str, Any]) -> Item:
    keys = ((result.get("metadata") or {}).get("partitionKeys") or {}).items()
    data = base64.b64decode(result["data"])
    return replace(item, data=data, keys=tuple((name, str(value)) for name, value in keys))
