"""Kinesis streams that take the changes of tables.

Source: DynamoDB developer guide, "Using Kinesis Data Streams to capture changes to DynamoDB": each change
reaches the stream at least once; records may come twice and in another order than the changes were made
(``ApproximateCreationDateTime`` tells the order), whatever the table's own stream is. Each record is work of
its own on the agenda, so the scheduler decides the order; with ``duplicates`` a record that was taken may be
sent again, as a choice point. What the stream throttles is tried again; AWS does not say for how long, here
it is a day, as long as the table's own stream would keep it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.dynamodb.change import Change
from stackproof.fabric.dynamodb.streams import TTL
from stackproof.fabric.service import THROTTLES, Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.dynamodb.service import DynamoDbService

MICROSECOND, MILLISECOND = "MICROSECOND", "MILLISECOND"
GIVEN_UP_MS = 24 * 3_600_000
_LONGEST_PAUSE = 60
_VIEW = "NEW_AND_OLD_IMAGES"
_ROLE = (
    "aws-service-role/kinesisreplication.dynamodb.amazonaws.com/"
    "AWSServiceRoleForDynamoDBKinesisDataStreamsReplication"
)


@dataclass(frozen=True, slots=True)
class Destination:
    """A stream of a table. ``status`` is ACTIVE or DISABLED: changes of it are over when somebody asks."""

    stream: str
    precision: str
    status: str = "ACTIVE"

    def shown(self) -> dict[str, str]:
        """As the API lists it."""
        return {
            "StreamArn": self.stream,
            "DestinationStatus": self.status,
            "DestinationStatusDescription": f"Stream is {self.status.lower()}",
            "ApproximateCreationDateTimePrecision": self.precision,
        }


@dataclass(frozen=True, slots=True)
class Sending:
    """A record on its way. ``retries`` were made since ``first_ms``."""

    table: str
    stream: str
    key: str
    data: bytes
    first_ms: int
    retries: int = 0


class Destinations:
    """The streams of tables, by the table's ARN and the stream's. A table has one that is active."""

    def __init__(self, service: DynamoDbService) -> None:
        self._service = service
        self._world = service.world
        self._table: dict[str, dict[str, Destination]] = {}
        self.duplicates = False
        self.operations: Mapping[str, Operation] = {
            "EnableKinesisStreamingDestination": self.enable,
            "DisableKinesisStreamingDestination": self.disable,
            "UpdateKinesisStreamingDestination": self.update,
            "DescribeKinesisStreamingDestination": self.describe,
        }

    # The API.

    def _named(self, params: Params, caller: Caller) -> tuple[str, str]:
        """The table's name and ARN; raises ResourceNotFoundException."""
        name = arns.last(params["TableName"])
        try:
            arn = self._service.arn_of(name, caller)
        except ServiceError as error:
            message = f"Requested resource not found: Table: {name} not found"
            raise ServiceError("ResourceNotFoundException", message) from error
        return name, arn

    def _checked(self, stream: str) -> None:
        parsed = arns.parse(stream)
        kinesis = self._world.service("kinesis")
        if parsed is None or parsed.service != "kinesis" or not kinesis.exists(stream):
            raise _invalid("User does not have a permission to use kinesis stream")

    def _active(self, arn: str, stream: str, verb: str) -> Destination:
        found = self._table.get(arn, {}).get(stream)
        if found is None or found.status != "ACTIVE":
            raise _invalid(
                f"Table is not in a valid state to {verb.lower()} Kinesis Streaming Destination: "
                f"KinesisStreamingDestination must be ACTIVE to perform {verb} operation."
            )
        return found

    def enable(self, params: Params, caller: Caller) -> Response:
        """Let a table's changes flow into a stream."""
        name, arn = self._named(params, caller)
        stream = params["StreamArn"]
        self._checked(stream)
        known = self._table.setdefault(arn, {})
        if any(one.status == "ACTIVE" for one in known.values()):
            raise _invalid(
                "Table is not in a valid state to enable Kinesis Streaming Destination: "
                "KinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation."
            )
        wanted = params.get("EnableKinesisStreamingConfiguration") or {}
        precision = wanted.get("ApproximateCreationDateTimePrecision") or MICROSECOND
        known.pop(stream, None)
        known[stream] = Destination(stream, _precision(precision))
        self._follow(name, True, caller)
        shown = {"EnableKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": precision}}
        return _answer(name, stream, "ENABLING", shown)

    def disable(self, params: Params, caller: Caller) -> Response:
        """No more changes flow into a stream."""
        name, arn = self._named(params, caller)
        stream = params["StreamArn"]
        found = self._active(arn, stream, "DISABLE")
        self._table[arn][stream] = replace(found, status="DISABLED")
        self._follow(name, False, caller)
        return _answer(name, stream, "DISABLING")

    def update(self, params: Params, caller: Caller) -> Response:
        """Another precision of the times."""
        name, arn = self._named(params, caller)
        stream = params["StreamArn"]
        found = self._active(arn, stream, "UPDATE")
        wanted = params.get("UpdateKinesisStreamingConfiguration") or {}
        precision = _precision(wanted.get("ApproximateCreationDateTimePrecision") or "")
        if precision == found.precision:
            raise _invalid(
                f"Invalid Request: Precision is already set to the desired value of {precision} for tableId: "
                f"{self._service.id_of(arn)}, kdsArn: {stream}"
            )
        self._table[arn][stream] = replace(found, precision=precision)
        shown = {"UpdateKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": precision}}
        return _answer(name, stream, "UPDATING", shown)

    def describe(self, params: Params, caller: Caller) -> Response:
        """The streams of a table, those that are disabled too."""
        name, arn = self._named(params, caller)
        found = self._table.get(arn, {}).values()
        return {"TableName": name, "KinesisDataStreamDestinations": [one.shown() for one in found]}

    def _follow(self, name: str, on: bool, caller: Caller) -> None:
        if self._world.state is not None:
            self._world.state.follow(name, on, caller)

    def forget(self, arn: str) -> None:
        """The table is gone."""
        self._table.pop(arn, None)

    # What moves.

    def changed(self, changes: Iterable[Change], caller: Caller) -> None:
        """Items changed: a record each for the stream of their table, unless nothing changed."""
        for change in changes:
            for one in self._table.get(change.table, {}).values():
                if one.status == "ACTIVE" and change.name:
                    self._begin(change, one, caller)

    def _begin(self, change: Change, one: Destination, caller: Caller) -> None:
        now = self._world.clock.ms
        seen = change.seen(_VIEW)
        parsed = arns.parse(change.table)
        fine = one.precision == MICROSECOND
        record = {
            "awsRegion": parsed.region if parsed else "",
            "eventID": self._world.ids.uuid(),
            "eventName": change.name,
            "userIdentity": {"type": "Service", "principalId": TTL} if caller.service == TTL else None,
            "recordFormat": "application/json",
            "tableName": arns.last(change.table),
            "dynamodb": {"ApproximateCreationDateTime": now * 1000 if fine else now, **seen}
            | ({"ApproximateCreationDateTimePrecision": MICROSECOND} if fine else {}),
            "eventSource": "aws:dynamodb",
        }
        data = json.dumps(record, separators=(",", ":"), ensure_ascii=False, default=_base64).encode()
        sending = Sending(change.table, one.stream, partition_key(change), data, now)
        self._world.scheduler.soon(_label(sending), self._send, sending)

    def _send(self, sending: Sending) -> None:
        """One attempt. A stream that was disabled meanwhile gets what was changed before."""
        world = self._world
        parsed = arns.parse(sending.stream)
        table = arns.parse(sending.table)
        assert parsed is not None  # the stream was looked up by its ARN
        assert table is not None  # so was the table
        role = f"arn:{table.partition}:iam::{table.account}:role/{_ROLE}"
        caller = world.caller(
            parsed.account, parsed.region, arn=role, actor=arns.last(sending.table),
            service="kinesisreplication.dynamodb.amazonaws.com", source_arn=sending.table,
        )  # fmt: skip
        params = {"StreamName": arns.last(sending.stream), "Data": sending.data, "PartitionKey": sending.key}
        try:
            world.call("kinesis", "PutRecord", params, caller)
        except ServiceError as error:
            self._failed(sending, error)
            return
        twice = self.duplicates and world.scheduler.choose(
            f"{_label(sending)}: once more", [False, True], ["no", "yes"]
        )
        if twice:
            world.scheduler.soon(f"{_label(sending)} again", self._send, sending)

    def _failed(self, sending: Sending, error: ServiceError) -> None:
        world = self._world
        waited = world.clock.ms - sending.first_ms
        later = error.status >= 500 or error.code in THROTTLES
        if later and waited < GIVEN_UP_MS:
            pause = min(2.0**sending.retries if sending.retries < 16 else _LONGEST_PAUSE, _LONGEST_PAUSE)
            again = replace(sending, retries=sending.retries + 1)
            world.scheduler.after(pause, f"{_label(sending)}: retry {again.retries}", self._send, again)
            return
        detail = {"PartitionKey": sending.key, "Attempts": sending.retries + 1}
        world.journal.record(
            arns.last(sending.table), "dynamodb.ReplicationLost", arns.last(sending.stream), detail,
            f"error {error}",
        )  # fmt: skip

    # Snapshots.

    def snapshot(self) -> Any:
        """Which tables have which streams."""
        return {arn: dict(found) for arn, found in self._table.items()}, self.duplicates

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        table, self.duplicates = state
        self._table = {arn: dict(found) for arn, found in table.items()}


def partition_key(change: Change) -> str:
    """The partition key of a change's record: the same for all changes of an item.

    AWS does not document it; what is seen are 32 upper-case hexadecimal digits, so it is a digest.
    """
    key = json.dumps(change.key, sort_keys=True, default=_base64)
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest().upper()


def _label(sending: Sending) -> str:
    return f"{arns.last(sending.table)} to {arns.last(sending.stream)}"


def _base64(value: Any) -> str:
    return base64.b64encode(value).decode()


def _precision(value: str) -> str:
    if value not in (MICROSECOND, MILLISECOND):
        raise _invalid(
            f"1 validation error detected: Value '{value}' at 'approximateCreationDateTimePrecision' failed "
            f"to satisfy constraint: Member must satisfy enum value set: [{MILLISECOND}, {MICROSECOND}]"
        )
    return value


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _answer(name: str, stream: str, status: str, more: Mapping[str, Any] | None = None) -> Response:
    return {"TableName": name, "StreamArn": stream, "DestinationStatus": status, **(more or {})}
