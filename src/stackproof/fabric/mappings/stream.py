"""Streams as event sources: what Kinesis and DynamoDB streams have in common.

Source: developer guide, "Using Lambda with Amazon Kinesis" and "… DynamoDB": a shard (or each of the
``ParallelizationFactor`` parts that its keys fall into) has one batch in flight; a batch that failed is
tried again before anything that comes after it, until it succeeds, its retries are used up or its
records are too old; children of a shard wait until their parents are done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric.functions import errors
from stackproof.fabric.functions.environment import identity
from stackproof.fabric.mappings import settings
from stackproof.fabric.mappings.lanes import Batch, Entry, Poller
from stackproof.fabric.mappings.model import EventSourceMapping
from stackproof.fabric.mappings.working import Working
from stackproof.fabric.service import Caller, Params, ServiceError
from stackproof.fabric.shards import Feed, Record, Shard

if TYPE_CHECKING:
    from stackproof.fabric.mappings.service import Mappings


class StreamSource:
    """Polls streams for mappings. A kind of stream says how records look: ``entry``, ``passes``, ``info``."""

    batch_size = 100
    kind = ""
    """The service that holds the streams."""
    actions: tuple[str, ...] = ()
    """What the function's role must be allowed to do."""
    positions: tuple[str, ...] = ("TRIM_HORIZON", "LATEST")
    shown: Mapping[str, Any] = {
        "BisectBatchOnFunctionError": False, "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1,
        "TumblingWindowInSeconds": 0, "StateTransitionReason": "User action",
    }  # fmt: skip

    def __init__(self, mappings: Mappings) -> None:
        self.mappings = mappings
        self.world = mappings.world
        self.functions = mappings.service
        self.working = Working(self)
        self._sources: dict[str, tuple[str, ...]] = {}
        self.pollers: dict[str, Poller] = {}

    # What a kind of stream says.

    def entry(self, record: Record, shard: Shard, mapping: EventSourceMapping) -> Entry:
        """A record of the event."""
        raise errors.invalid(f"{self.kind} records have no shape")

    def passes(self, entry: Entry, wanted: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a record matches one of the filter patterns."""
        raise errors.invalid(f"{self.kind} records cannot be filtered")

    def info(self, batch: Batch) -> dict[str, Any]:
        """The name of the part about the batch in a failure document, and its times."""
        raise errors.invalid(f"{self.kind} records have no failure document")

    # Settings.

    @property
    def feed(self) -> Feed:
        """The streams."""
        found: Feed = self.world.service(self.kind)
        return found

    def check(self, params: Params, timeout: int, caller: Caller) -> None:
        """What AWS refuses when a mapping is made or changed."""
        source = params["EventSourceArn"]
        settings.check(params, self.positions)
        if not self.feed.exists(source):
            raise errors.invalid(f"Stream not found: {source}")
        if not params.get("FunctionName"):
            return
        function, _ = self.functions.find({"FunctionName": params["FunctionName"]}, caller)
        role = identity(function.latest)
        try:
            for operation in self.actions:
                for guard in self.world.guards:
                    guard(self.kind, operation, {"StreamARN": source, "StreamArn": source}, role)
        except ServiceError as error:
            raise errors.invalid(
                f"Cannot access stream {source}. Please ensure the role can perform the "
                f"{', '.join(self.actions[:-1])}, and {self.actions[-1]} Actions on your stream in IAM."
            ) from error

    # Life.

    def place(self, mapping: EventSourceMapping) -> None:
        """Take the starting position: LATEST is what comes after this call."""
        if mapping.uuid not in self.pollers:
            begun = {shard.id: self._begin(shard, mapping) for shard in self.feed.shards(mapping.source)}
            self.pollers[mapping.uuid] = Poller(begun)

    def start(self, mapping: EventSourceMapping) -> None:
        """Go on where the mapping stood, or begin at its starting position."""
        self.place(mapping)
        known = self._sources.get(mapping.source, ())
        if mapping.uuid not in known:
            self._sources[mapping.source] = (*known, mapping.uuid)
        self.feed.watch(mapping.source, self._notified)

    def _begin(self, shard: Shard, mapping: EventSourceMapping) -> int:
        position = mapping.given.get("StartingPosition")
        if position == "LATEST":
            return shard.next
        if position == "AT_TIMESTAMP":
            at = mapping.given["StartingPositionTimestamp"]
            seconds = at.timestamp() if isinstance(at, datetime) else float(at)
            return shard.since(round(seconds * 1000))
        return shard.first

    def stop(self, mapping: EventSourceMapping) -> None:
        """Read no more. A mapping that is disabled keeps its place, a deleted one forgets it."""
        left = tuple(uuid for uuid in self._sources.get(mapping.source, ()) if uuid != mapping.uuid)
        if left:
            self._sources[mapping.source] = left
        elif self._sources.pop(mapping.source, None) is not None:
            self.feed.unwatch(mapping.source, self._notified)
        poller = self.pollers.get(mapping.uuid)
        if poller is None:
            return
        for lane in poller.lanes.values():
            lane.stop_timers()
        if mapping.uuid not in self.mappings.table:
            del self.pollers[mapping.uuid]

    def result(self, uuid: str) -> str:
        """LastProcessingResult."""
        poller = self.pollers.get(uuid)
        return poller.result if poller else "No records processed"

    # Reading.

    def _notified(self, source: str) -> None:
        for polled in [name for name in self._sources if self._same(name, source)]:
            for uuid in self._sources.get(polled, ()):
                self._poll(uuid)

    @staticmethod
    def _same(polled: str, source: str) -> bool:
        """Whether a polled ARN is the stream, or a consumer of it."""
        return polled == source or polled.startswith(f"{source}/consumer/")

    def _poll(self, uuid: str) -> None:
        mapping, poller = self.mapping(uuid), self.pollers.get(uuid)
        if mapping is None or poller is None:
            return
        shards = {shard.id: shard for shard in self.feed.shards(mapping.source)}
        parts = mapping.given.get("ParallelizationFactor") or 1
        for shard in shards.values():
            poller.divide(shard.id, parts, shard.first)
        over: set[str] = set()
        for shard in shards.values():  # parents first: a shard without records is over only after its parents
            if all(parent in over or parent not in shards for parent in shard.parents):
                for number in range(parts if poller.parts[shard.id] == parts else 0):
                    self.working.advance(mapping, poller, shard, number)
                if _over(shard, poller):
                    over.add(shard.id)
        for name in [name for name in poller.parts if name not in shards]:
            if all(lane.idle for lane in poller.of(name)):
                poller.forget(name)

    def mapping(self, uuid: str) -> EventSourceMapping | None:
        """A mapping that is enabled."""
        mapping = self.mappings.table.get(uuid)
        return mapping if mapping is not None and mapping.enabled else None

    def turn(self, uuid: str, shard_id: str, number: int) -> None:
        """One lane goes on, and what waited for it."""
        mapping, poller = self.mapping(uuid), self.pollers.get(uuid)
        if mapping is None or poller is None:
            return
        lane = poller.lanes.get((shard_id, number))
        shard = next((s for s in self.feed.shards(mapping.source) if s.id == shard_id), None)
        if (
            lane is None
            or shard is None
            or poller.parts[shard_id] != (mapping.given.get("ParallelizationFactor") or 1)
        ):
            self._poll(uuid)
            return
        self.working.advance(mapping, poller, shard, number)
        if not shard.open and lane.idle:
            self._poll(uuid)

    # Snapshots.

    def snapshot(self) -> Any:
        """Who polls what, and where everybody stands."""
        return dict(self._sources), {uuid: poller.clone() for uuid, poller in self.pollers.items()}

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        sources, pollers = state
        self._sources = dict(sources)
        self.pollers = {uuid: poller.clone() for uuid, poller in pollers.items()}


def _over(shard: Shard, poller: Poller) -> bool:
    """Whether all records of a shard are done, and no others come."""
    lanes = poller.of(shard.id)
    return not shard.open and all(lane.idle and lane.position >= shard.next for lane in lanes)
