"""The service Kinesis: its streams, who watches them, and its table of operations.

The operations live in ``admin``, ``shards``, ``consumers``, ``writing`` and ``reading``; they share this
object. Deliveries of other services (``world.deliver("arn:aws:kinesis:…")``) become PutRecord: see
``deliver``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.kinesis import errors
from stackproof.fabric.kinesis.admin import Admin
from stackproof.fabric.kinesis.consumers import Consumers
from stackproof.fabric.kinesis.reading import Reading
from stackproof.fabric.kinesis.sharding import Sharding
from stackproof.fabric.kinesis.stream import HOUR_MS, Stream
from stackproof.fabric.kinesis.writing import Writing
from stackproof.fabric.service import Caller, Delivery, Operation, Params, ServiceError, Undeliverable
from stackproof.fabric.shards import Notify, Shard, Watchers

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_RETRIED = ("ProvisionedThroughputExceededException", "ThrottlingException", "LimitExceededException")


class KinesisService:
    """One instance serves all accounts and regions. It is a ``Feed`` for event source mappings.

    ``limits``: whether the throughput of shards is limited (1 MiB and 1,000 records a second in, five calls
    and 2 MiB out, on the virtual clock).
    """

    name = "kinesis"

    def __init__(self, world: World) -> None:
        self.world = world
        self.streams: dict[str, Stream] = {}
        self.limits = True
        self.watchers = Watchers(world.scheduler)
        parts = (Admin(self), Sharding(self), Consumers(self), Writing(self), Reading(self))
        self.operations: Mapping[str, Operation] = {
            name: operation for part in parts for name, operation in part.operations.items()
        }
        world.receivers["kinesis"] = self

    # Finding streams.

    def find(self, params: Params, caller: Caller) -> Stream:
        """The stream of a StreamARN or a StreamName; raises ResourceNotFoundException."""
        arn, name = params.get("StreamARN"), params.get("StreamName")
        if not arn and not name:
            raise errors.invalid("Either StreamName or StreamARN must be provided.")
        parsed = arns.parse(arn) if arn else None
        account = parsed.account if parsed else caller.account
        found = self.streams.get(arn or arns.arn("kinesis", caller.region, account, f"stream/{name}"))
        if found is None:
            raise errors.no_stream(name or arns.last(str(arn)), account)
        return found

    @staticmethod
    def stream_arn(source: str) -> str:
        """The stream's ARN in the ARN of a stream or of one of its consumers."""
        return source.partition("/consumer/")[0]

    # The feed of event source mappings.

    def exists(self, source: str) -> bool:
        """Whether there is such a stream, and such a consumer when the ARN names one."""
        stream = self.streams.get(self.stream_arn(source))
        if stream is None or "/consumer/" not in source:
            return stream is not None
        return any(consumer.arn == source for consumer in stream.consumers.values())

    def shards(self, source: str) -> Sequence[Shard]:
        """Every shard, parents before children."""
        stream = self.streams.get(self.stream_arn(source))
        if stream is None:
            return ()
        stream.trim(self.world.clock.ms)
        return tuple(stream.shards.values())

    def retention_ms(self, source: str) -> int:
        """The stream's retention."""
        stream = self.streams.get(self.stream_arn(source))
        return stream.retention_hours * HOUR_MS if stream else 24 * HOUR_MS

    def watch(self, source: str, notify: Notify) -> None:
        """See ``Feed``."""
        self.watchers.add(self.stream_arn(source), notify)

    def unwatch(self, source: str, notify: Notify) -> None:
        """See ``Feed``."""
        self.watchers.remove(self.stream_arn(source), notify)

    # Deliveries of other services.

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Put a delivery's body on the stream as one record.

        The partition key is ``delivery.context["PartitionKey"]``, else ``delivery.group``, else a new UUID.
        ``delivery.context["Data"]`` (bytes) takes the place of the body. A full shard may be tried again.
        """
        parsed = arns.parse(arn)
        if parsed is None or arn not in self.streams:
            done(Undeliverable(f"the stream {arn} does not exist"))
            return
        caller = self.world.caller(
            parsed.account, parsed.region, arn=delivery.principal, actor=arns.last(delivery.source),
            service=delivery.principal, source_arn=delivery.source,
        )  # fmt: skip
        context = delivery.context
        key = context.get("PartitionKey") or delivery.group or self.world.ids.uuid()
        data = context.get("Data") or delivery.body.encode()
        params = {"StreamARN": arn, "StreamName": arns.last(arn), "PartitionKey": str(key), "Data": data}
        try:
            self.world.call("kinesis", "PutRecord", params, caller)
        except ServiceError as error:
            done(Undeliverable(error.message, retry=error.code in _RETRIED))
            return
        done(None)

    # Snapshots.

    def snapshot(self) -> Any:
        """Copies of all streams and of who watches them."""
        return {arn: stream.clone() for arn, stream in self.streams.items()}, self.watchers.snapshot()

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        streams, watchers = state
        self.streams = {arn: stream.clone() for arn, stream in streams.items()}
        self.watchers.restore(watchers)
