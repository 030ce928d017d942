"""The service Firehose: its streams, and the way of a record from the call to the object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.firehose import errors
from stackproof.fabric.firehose.admin import Admin
from stackproof.fabric.firehose.buffers import BACKUP, DATA, Buffers
from stackproof.fabric.firehose.model import DeliveryStream, Failure, Item
from stackproof.fabric.firehose.partitions import by_query
from stackproof.fabric.firehose.records import Records
from stackproof.fabric.firehose.sources import Sources
from stackproof.fabric.firehose.transform import FAILED, Transform
from stackproof.fabric.service import Caller, Delivery, Operation, Params, ServiceError, Undeliverable

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_DELIMITERS = {"\\n": b"\n", "\\t": b"\t", "\\r\\n": b"\r\n"}


class FirehoseService:
    """One instance serves all accounts and regions.

    ``refusals`` are asked for each record (stream's name, data); a true answer throttles that record.
    """

    name = "firehose"

    def __init__(self, world: World) -> None:
        self.world = world
        self.streams: dict[str, DeliveryStream] = {}
        self.refusals: list[Callable[[str, bytes], bool]] = []
        self.buffers = Buffers(self)
        self.transform = Transform(self)
        self.records = Records(self)
        self.sources = Sources(self)
        self.operations: Mapping[str, Operation] = {**Admin(self).operations, **self.records.operations}
        world.receivers["firehose"] = self

    def find(self, params: Params, caller: Caller) -> DeliveryStream:
        """The stream that a request names; raises ResourceNotFoundException."""
        name = params["DeliveryStreamName"]
        found = self.streams.get(
            arns.arn("firehose", caller.region, caller.account, f"deliverystream/{name}")
        )
        if found is None:
            raise errors.missing(name, caller.account)
        return found

    def refused(self, stream: DeliveryStream, data: bytes) -> bool:
        """Whether a record is throttled."""
        return any(refuse(stream.name, data) for refuse in self.refusals)

    # The way of a record.

    def take(self, stream: DeliveryStream, items: Sequence[Item]) -> None:
        """Records have arrived."""
        if not items:
            return
        if stream.destination.get("S3BackupMode") == "Enabled":
            self.buffers.add(stream, BACKUP, items)
        functions = stream.processors("Lambda")
        if functions:
            self.transform.add(stream, items, functions[0])
        else:
            self.processed(stream, items)

    def processed(self, stream: DeliveryStream, items: Sequence[Item]) -> None:
        """Records are what they shall be: on to their buffers."""
        if stream.partitioned:
            items = self._partitioned(stream, items)
        for parameters in stream.processors("AppendDelimiterToRecord"):
            written = parameters.get("Delimiter", "\\n")
            delimiter = _DELIMITERS.get(written, written.encode())
            items = [replace(item, data=item.data + delimiter) for item in items]
        self.buffers.add(stream, DATA, items)

    def _partitioned(self, stream: DeliveryStream, items: Sequence[Item]) -> list[Item]:
        """Records with all the keys that the prefix names; the others have failed."""
        prefix = stream.destination.get("Prefix", "")
        queries = stream.processors("MetadataExtraction")
        good: list[Item] = []
        for item in items:
            keys = dict(item.keys)
            for parameters in queries:
                keys |= by_query(parameters, item.data) or {}
            wanted = {name: value for name, value in keys.items() if f":{name}}}" in prefix}
            if any(not wanted.get(name) for name in _names(prefix)):
                failure = Failure("DynamicPartitioning.PartitionKeyMissing", "A partition key is missing.", 1)
                self.buffers.fail(stream, FAILED, [item], failure)
                continue
            good.append(replace(item, keys=tuple(sorted(wanted.items()))))
        return good

    # Deliveries of other services.

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Put a delivery's body into a stream as one record."""
        parsed = arns.parse(arn)
        if parsed is None or arn not in self.streams:
            done(Undeliverable(f"the delivery stream {arn} does not exist"))
            return
        caller = self.world.caller(
            parsed.account, parsed.region, arn=delivery.principal, actor=arns.last(delivery.source),
            service=delivery.principal, source_arn=delivery.source,
        )  # fmt: skip
        params = {"DeliveryStreamName": arns.last(arn), "Record": {"Data": delivery.body.encode()}}
        try:
            self.world.call("firehose", "PutRecord", params, caller)
        except ServiceError as error:
            done(Undeliverable.refused(error))
            return
        done(None)

    # Snapshots.

    def snapshot(self) -> Any:
        """Copies of what the parts hold."""
        return (
            dict(self.streams),
            tuple(self.refusals),
            self.buffers.snapshot(),
            self.transform.snapshot(),
            self.records.snapshot(),
            self.sources.snapshot(),
        )

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        streams, refusals, buffers, transform, records, sources = state
        self.streams, self.refusals = dict(streams), list(refusals)
        self.buffers.restore(buffers)
        self.transform.restore(transform)
        self.records.restore(records)
        self.sources.restore(sources)


def _names(prefix: str) -> list[str]:
    """The partition keys that a prefix names."""
    return [part.partition("}")[0].partition(":")[2] for part in prefix.split("!{partitionKey")[1:]]
