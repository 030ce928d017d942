"""Resharding: SplitShard, MergeShards, UpdateShardCount, and ListShards."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from stackproof.fabric.kinesis import errors
from stackproof.fabric.kinesis.sequence import ITERATOR_MS, LAST_HASH
from stackproof.fabric.kinesis.stream import HOUR_MS, Stream
from stackproof.fabric.kinesis.views import shard_view
from stackproof.fabric.service import Caller, Operation, Params, Response
from stackproof.fabric.shards import Shard

if TYPE_CHECKING:
    from stackproof.fabric.kinesis.service import KinesisService

RESIZES_A_DAY = 10


class Sharding:
    """A parent is closed when its children open: all its records come before theirs."""

    def __init__(self, service: KinesisService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "SplitShard": self.split_shard,
            "MergeShards": self.merge_shards,
            "UpdateShardCount": self.update_shard_count,
            "ListShards": self.list_shards,
        }

    def _resized(self, params: Params, caller: Caller) -> Stream:
        stream = self._service.find(params, caller)
        if stream.on_demand:
            raise errors.validation(
                stream.name, "streamName", "the stream is in on-demand mode and shards itself"
            )
        return stream

    def _open(self, stream: Stream, name: str) -> Shard:
        shard = stream.shards.get(name)
        where = f"in stream {stream.name} under account {stream.account}"
        if shard is None:
            raise errors.not_found(f"Could not find shard {name} {where}.")
        if not shard.open:
            raise errors.invalid(f"Shard {name} {where} is not an open shard.")
        return shard

    # Splitting and merging.

    def split_shard(self, params: Params, caller: Caller) -> Response:
        """Two shards in the place of one."""
        stream = self._resized(params, caller)
        shard = self._open(stream, params["ShardToSplit"])
        at = int(params["NewStartingHashKey"])
        if not shard.start + 1 < at < shard.end:
            raise errors.invalid(
                f"NewStartingHashKey {at} used in SplitShard() on shard {shard.id} in stream {stream.name} "
                f"under account {stream.account} is not both greater than one plus the shard's "
                f"StartingHashKey {shard.start} and less than the shard's EndingHashKey {shard.end - 1}."
            )
        self._split(stream, shard, at)
        self._done(stream)
        return {}

    def _split(self, stream: Stream, shard: Shard, at: int) -> None:
        ms = self._world.clock.ms
        stream.close(shard, ms)
        stream.grow(shard.start, at - 1, ms, (shard.id,))
        stream.grow(at, shard.end, ms, (shard.id,))

    def merge_shards(self, params: Params, caller: Caller) -> Response:
        """One shard in the place of two neighbours."""
        stream = self._resized(params, caller)
        one = self._open(stream, params["ShardToMerge"])
        other = self._open(stream, params["AdjacentShardToMerge"])
        if one.end + 1 != other.start and other.end + 1 != one.start:
            raise errors.invalid(
                f"Shards {one.id} and {other.id} in stream {stream.name} under account {stream.account} are "
                "not an adjacent pair of shards eligible for merging"
            )
        self._merge(stream, one, other)
        self._done(stream)
        return {}

    def _merge(self, stream: Stream, one: Shard, other: Shard) -> None:
        ms = self._world.clock.ms
        stream.close(one, ms)
        stream.close(other, ms)
        stream.grow(min(one.start, other.start), max(one.end, other.end), ms, (one.id, other.id))

    def update_shard_count(self, params: Params, caller: Caller) -> Response:
        """Equal shares of the hash keys for a new number of shards, by splits and merges as AWS does it."""
        stream = self._resized(params, caller)
        before, target = len(stream.open), params["TargetShardCount"]
        now = self._world.clock.ms
        recent = tuple(ms for ms in stream.resized_ms if ms > now - 24 * HOUR_MS)
        if target > before * 2:
            raise errors.limit(
                f"UpdateShardCount cannot scale up over double your current open shard count. Current open "
                f"shard count: {before} Target shard count: {target}"
            )
        if target * 2 < before:
            raise errors.limit(
                f"UpdateShardCount cannot scale down below half your current open shard count. Current open "
                f"shard count: {before} Target shard count: {target}"
            )
        if len(recent) >= RESIZES_A_DAY:
            raise errors.limit(
                f"You have reached the limit of {RESIZES_A_DAY} UpdateShardCount calls in 24 hours for "
                f"stream {stream.name}."
            )
        stream.resized_ms = (*recent, now)
        self._spread(stream, target)
        self._done(stream)
        return {
            "StreamName": stream.name,
            "StreamARN": stream.arn,
            "CurrentShardCount": before,
            "TargetShardCount": target,
        }

    def _spread(self, stream: Stream, target: int) -> None:
        edges = [LAST_HASH * part // target + 1 for part in range(1, target)]
        for edge in edges:
            shard = stream.shard_of(edge)
            if shard.start < edge:
                self._split(stream, shard, edge)
        low = 0
        for high in [*edges, LAST_HASH + 1]:
            inside = [shard for shard in stream.open if low <= shard.start < high]
            while len(inside) > 1:
                self._merge(stream, inside[0], inside[1])
                inside = [shard for shard in stream.open if low <= shard.start < high]
            low = high

    def _done(self, stream: Stream) -> None:
        shards = [shard.id for shard in stream.open]
        self._world.journal.record("kinesis", "kinesis.Reshard", stream.name, {"OpenShards": shards})
        self._service.watchers.wake(stream.arn)

    # Looking.

    def list_shards(self, params: Params, caller: Caller) -> Response:
        """Shards by page; a page token holds for five minutes."""
        token = params.get("NextToken")
        now = self._world.clock.ms
        after = params.get("ExclusiveStartShardId", "")
        if token:
            if params.get("StreamName") or params.get("StreamARN"):
                raise errors.invalid("NextToken and StreamName cannot be provided together.")
            arn, after, made, shown = _token(token)
            if now - made > ITERATOR_MS:
                raise errors.expired_token()
            stream = self._service.find({"StreamARN": arn}, caller)
        else:
            stream = self._service.find(params, caller)
            shown = _filtered(stream, params.get("ShardFilter") or {}, now)
        stream.trim(now)
        found = [name for name in stream.shards if name > after and name in set(shown)]
        most = params.get("MaxResults") or 1000
        answer: Response = {"Shards": [shard_view(stream.shards[name]) for name in found[:most]]}
        if len(found) > most:
            held = json.dumps([stream.arn, found[most - 1], now, shown])
            answer["NextToken"] = base64.b64encode(held.encode()).decode()
        return answer


def _token(text: str) -> tuple[str, str, int, list[str]]:
    try:
        arn, after, made, shown = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, TypeError) as error:
        raise errors.invalid("NextToken is invalid.") from error
    return arn, after, made, shown


def _filtered(stream: Stream, wanted: Params, now: int) -> list[str]:
    """The ids of the shards that a ShardFilter lets through."""
    kind = wanted.get("Type", "FROM_TRIM_HORIZON")
    shards = list(stream.shards.values())
    if kind == "AFTER_SHARD_ID":
        after = wanted.get("ShardId", "")
        return [shard.id for shard in shards if shard.id > after]
    if kind == "AT_LATEST":
        return [shard.id for shard in shards if shard.open]
    if kind in ("AT_TIMESTAMP", "FROM_TIMESTAMP"):
        moment = wanted.get("Timestamp")
        at = round(moment.timestamp() * 1000) if isinstance(moment, datetime) else now
        alive = [shard for shard in shards if shard.closed_ms is None or shard.closed_ms >= at]
        return [shard.id for shard in alive if kind == "FROM_TIMESTAMP" or shard.created_ms <= at]
    if kind == "AT_TRIM_HORIZON":
        horizon = now - stream.retention_hours * HOUR_MS
        return [shard.id for shard in shards if shard.created_ms <= max(horizon, stream.created_ms)]
    return [shard.id for shard in shards]
