"""The endpoint's streams behind the interface that event source mappings use (``fabric.shards.Feed``).

What a watched stream holds is read into shards of this process, once; mappings read these. Whatever was
there before a stream was first looked at is read too, so that positions are those of the endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.shards import Notify, Record, Shard, Watchers

if TYPE_CHECKING:
    from stackproof.backends.live.world import LiveWorld

_DAY_MS = 24 * 3_600_000
_AGAIN = ("ExpiredIteratorException", "ProvisionedThroughputExceededException", "LimitExceededException")
"""Errors after which the same place is read again at the next look."""


@dataclass(slots=True)
class _Mirror:
    """What was read of one stream; ``iterators`` by shard, "" when the shard has ended."""

    shards: dict[str, Shard] = field(default_factory=dict)
    iterators: dict[str, str] = field(default_factory=dict)


class LiveStreams:
    """One kind of stream. A kind says how shards are listed and how a record looks."""

    name = ""
    operations: Mapping[str, Operation] = {}

    def __init__(self, world: LiveWorld) -> None:
        self._world = world
        self._mirrors: dict[str, _Mirror] = {}
        self._watched: dict[str, int] = {}
        self._watchers = Watchers(world.scheduler)

    def _call(self, source: str, operation: str, params: Params) -> Response:
        parsed = arns.parse(source)
        state = self._world.state
        assert parsed is not None  # ARNs come from the endpoint itself
        assert state is not None  # a live world is made with its endpoint
        return state.call(self.name, operation, params, Caller(parsed.account, parsed.region))

    # What a kind says.

    def _stream(self, source: str) -> Params:
        """The parameter that names a stream."""
        return {"StreamArn": source}

    def _record(self, shown: Mapping[str, Any], index: int) -> Record:
        change = shown["dynamodb"]
        images = {name: change[name] for name in ("Keys", "NewImage", "OldImage") if name in change}
        data = {"eventID": shown["eventID"], "eventName": shown["eventName"], **images}
        data["view"] = change.get("StreamViewType", "")
        principal = (shown.get("userIdentity") or {}).get("PrincipalId")
        if principal:
            data["identity"] = principal
        moment, size = change.get("ApproximateCreationDateTime"), int(change.get("SizeBytes") or 0)
        return Record(index, self._ms(moment), repr(images["Keys"]), change["SequenceNumber"], data, size)

    def _ms(self, moment: Any) -> int:
        return int(moment.timestamp() * 1000) if isinstance(moment, datetime) else self._world.clock.ms

    # The feed.

    def exists(self, source: str) -> bool:
        """Whether the endpoint has such a stream."""
        try:
            self._call(source, "DescribeStream", self._stream(source))
        except ServiceError:
            return False
        return True

    def retention_ms(self, source: str) -> int:
        """A day: nothing that is read here becomes older."""
        return _DAY_MS

    def shards(self, source: str) -> Sequence[Shard]:
        """What was read so far; a stream that was never looked at is read now."""
        if source not in self._mirrors:
            self._mirrors[source] = _Mirror()
            self._read(source)
        return tuple(self._mirrors[source].shards.values())

    def watch(self, source: str, notify: Notify) -> None:
        """See ``Feed``."""
        self._watched[source] = self._watched.get(source, 0) + 1
        self._watchers.add(source, notify)

    def unwatch(self, source: str, notify: Notify) -> None:
        """See ``Feed``."""
        self._watched.pop(source, None)
        self._watchers.remove(source, notify)

    def poll(self) -> list[str]:
        """Look at every watched stream once; nothing is ever left there, for all of it is read."""
        for source in [*self._watched]:
            if self._read(source):
                self._watchers.wake(source)
        return []

    def _read(self, source: str) -> bool:
        """Read what is new; answers whether there was something."""
        mirror = self._mirrors.setdefault(source, _Mirror())
        try:
            described = self._call(source, "DescribeStream", self._stream(source))["StreamDescription"]
        except ServiceError:  # the stream is gone
            return False
        for shown in described["Shards"]:
            self._known(source, mirror, shown)
        grown = [self._read_shard(source, mirror, name) for name in mirror.shards]
        return any(grown)

    def _known(self, source: str, mirror: _Mirror, shown: Mapping[str, Any]) -> None:
        name = shown["ShardId"]
        if name in mirror.shards:
            return
        named = (shown.get("ParentShardId"), shown.get("AdjacentParentShardId"))
        parents = tuple(parent for parent in named if parent)
        mirror.shards[name] = Shard(name, len(mirror.shards), self._world.clock.ms, parents=parents)
        params = {**self._stream(source), "ShardId": name, "ShardIteratorType": "TRIM_HORIZON"}
        mirror.iterators[name] = self._call(source, "GetShardIterator", params)["ShardIterator"]

    def _read_shard(self, source: str, mirror: _Mirror, name: str) -> bool:
        shard, before = mirror.shards[name], mirror.shards[name].next
        while iterator := mirror.iterators[name]:
            try:
                answer = self._call(source, "GetRecords", {"ShardIterator": iterator})
            except ServiceError as error:
                self._refused(source, mirror, name, error)
                break
            for shown in answer["Records"]:
                shard.add(self._record(shown, shard.next))
            mirror.iterators[name] = answer.get("NextShardIterator") or ""
            if not answer["Records"]:
                break
        if not mirror.iterators[name] and shard.open:
            shard.closed_ms = self._world.clock.ms
            return True
        return shard.next > before

    def _refused(self, source: str, mirror: _Mirror, name: str, error: ServiceError) -> None:
        if error.code not in _AGAIN:
            raise error
        last = mirror.shards[name].at(mirror.shards[name].next - 1)
        if error.code == _AGAIN[0]:
            place: Params = {"ShardIteratorType": "TRIM_HORIZON"}
            if last is not None:
                place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", self._number: last.sequence}
            params = {**self._stream(source), "ShardId": name, **place}
            mirror.iterators[name] = self._call(source, "GetShardIterator", params)["ShardIterator"]

    _number = "SequenceNumber"

    # Snapshots are refused by the world.

    def snapshot(self) -> Any:
        """Nothing is kept here."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing is kept here."""


class LiveTableStreams(LiveStreams):
    """The streams of tables."""

    name = "dynamodbstreams"


class LiveKinesis(LiveStreams):
    """Kinesis data streams."""

    name = "kinesis"
    _number = "StartingSequenceNumber"

    def _stream(self, source: str) -> Params:
        return {"StreamName": arns.last(source.partition("/consumer/")[0])}

    def _record(self, shown: Mapping[str, Any], index: int) -> Record:
        data, key = bytes(shown["Data"]), shown["PartitionKey"]
        moment = self._ms(shown.get("ApproximateArrivalTimestamp"))
        return Record(index, moment, key, shown["SequenceNumber"], data, len(data) + len(key))
