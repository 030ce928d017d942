"""The lanes of a stream's shards at work: records become batches, batches become invocations."""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from stackproof.fabric import arns
from stackproof.fabric.functions.invocation import SYNC_LIMIT, Invocation, Outcome
from stackproof.fabric.functions.model import Function, Version
from stackproof.fabric.mappings import answers, discarded, windows
from stackproof.fabric.mappings.lanes import Batch, Lane, Poller
from stackproof.fabric.mappings.model import EventSourceMapping
from stackproof.fabric.service import ServiceError
from stackproof.fabric.shards import Record, Shard

if TYPE_CHECKING:
    from stackproof.fabric.mappings.stream import StreamSource

LONGEST_PAUSE = 60
"""Seconds between two attempts at most: 1, 2, 4 and so on. AWS does not publish its own."""
_ROOM = 64 * 1024
"""Bytes of an event that are not records."""
_ENTRY = 640
"""Bytes of a record in an event besides its data."""


class Working:
    """Takes one lane of one mapping further. ``Place`` arguments are (uuid, shard id, lane number)."""

    def __init__(self, source: StreamSource) -> None:
        self._source = source
        self._world = source.world
        self._lambda = source.functions
        self.destination = discarded.Destination(source.world)

    def advance(self, mapping: EventSourceMapping, poller: Poller, shard: Shard, number: int) -> None:
        """Start what can be started."""
        lane = poller.lanes[shard.id, number]
        while not lane.flight and lane.pause is None:
            if not lane.batches:  # also after a batch of which nothing was young enough
                self._gather(mapping, lane, shard, number)
            if not lane.batches:
                return
            self._invoke(mapping, poller, lane, shard, number)

    # Reading.

    def _gather(self, mapping: EventSourceMapping, lane: Lane, shard: Shard, number: int) -> None:
        if lane.position < shard.first:
            detail = {"Shard": shard.id, "Records": shard.first - lane.position}
            self._note(mapping, "lambda.Missed", detail)
            lane.position = shard.first
        sizes = [mapping.batch_size, 1] if mapping.batch_size > 1 else [1]
        limit = self._world.scheduler.choose(f"batch of {arns.last(mapping.source)}", sizes)
        before = lane.position
        ended = self._read(mapping, lane, shard, number, limit)
        self._await_window(mapping, lane, shard.id, number)
        if lane.position > before and self._world.journal.full:
            detail = {"Shard": shard.id, "SequenceNumbers": [record.sequence for record, _ in lane.gathered]}
            self._note(mapping, f"{self._source.kind}.GetRecords", detail)
        if ended or len(lane.gathered) >= limit or lane.size >= SYNC_LIMIT - _ROOM or not mapping.window:
            lane.launch()
        elif lane.gathered and lane.timer is None:
            label = f"batching window of {arns.last(mapping.source)}"
            lane.timer = self._world.scheduler.after(
                mapping.window, label, self._batching_over, mapping.uuid, shard.id, number
            )
        window = lane.window
        if window is None or lane.batches or lane.gathered:
            return
        if ended or window.early or self._world.clock.ms >= window.end_ms:
            lane.batches = (Batch((), closes=True),)

    def _read(self, mapping: EventSourceMapping, lane: Lane, shard: Shard, number: int, limit: int) -> bool:
        """Gather up to ``limit`` records; True when a record of another tumbling window stands next."""
        parts = mapping.given.get("ParallelizationFactor") or 1
        span = mapping.given.get("TumblingWindowInSeconds") or 0
        while len(lane.gathered) < limit and (record := shard.at(lane.position)) is not None:
            if parts > 1 and zlib.crc32(record.key.encode()) % parts != number:
                lane.position += 1
                continue
            entry = self._source.entry(record, shard, mapping)
            if mapping.patterns and not self._source.passes(entry, mapping.patterns):
                lane.position += 1
                self._note(mapping, "lambda.Filter", {"Shard": shard.id, "SequenceNumber": record.sequence})
                continue
            weight = record.size * 4 // 3 + _ENTRY
            if lane.gathered and lane.size + weight > SYNC_LIMIT - _ROOM:
                lane.size = SYNC_LIMIT
                return False
            if span and self._elsewhere(lane, record, span):
                return True
            lane.gathered.append((record, entry))
            lane.size += weight
            lane.position += 1
        return False

    @staticmethod
    def _elsewhere(lane: Lane, record: Record, span: int) -> bool:
        """Whether a record falls out of the window that is open; opens one when there is none."""
        window = windows.of(record.ms, span)
        if lane.window is not None:
            return lane.window.start_ms != window.start_ms or lane.window.early
        lane.window = window
        return False

    def _await_window(self, mapping: EventSourceMapping, lane: Lane, shard: str, number: int) -> None:
        """Wake up when the tumbling window that is open is over."""
        window = lane.window
        if window is None or lane.window_timer is not None or window.end_ms <= self._world.clock.ms:
            return
        label = f"tumbling window of {arns.last(mapping.source)}"
        lane.window_timer = self._world.scheduler.at(
            window.end_ms, label, self._window_over, mapping.uuid, shard, number
        )

    def _batching_over(self, uuid: str, shard: str, number: int) -> None:
        lane = self._lane(uuid, shard, number)
        if lane is not None:
            lane.launch()
            self._source.turn(uuid, shard, number)

    def _window_over(self, uuid: str, shard: str, number: int) -> None:
        lane = self._lane(uuid, shard, number)
        if lane is not None:
            lane.window_timer = None
            if not lane.flight:
                lane.launch()
            self._source.turn(uuid, shard, number)

    def _lane(self, uuid: str, shard: str, number: int) -> Lane | None:
        poller = self._source.pollers.get(uuid)
        return poller.lanes.get((shard, number)) if poller else None

    def _note(self, mapping: EventSourceMapping, verb: str, detail: dict[str, Any]) -> None:
        name = arns.last(mapping.function)
        self._world.journal.record(f"{name} mapping", verb, _stream_name(mapping.source), detail)

    # Invoking.

    def _invoke(
        self, mapping: EventSourceMapping, poller: Poller, lane: Lane, shard: Shard, number: int
    ) -> None:
        function, version = self._target(mapping)
        if function is None or version is None:
            lane.pause = self._again(mapping, shard.id, number, LONGEST_PAUSE, drives=False)
            return
        batch = lane.batches[0]
        fresh = self._fresh(mapping, batch, version, shard.id)
        if fresh is not batch:
            lane.batches = ((fresh,) if fresh.pairs else ()) + lane.batches[1:]
            return
        event: dict[str, Any] = {"Records": [entry for _, entry in batch.pairs]}
        if lane.window is not None:
            event |= windows.members(lane.window, shard.id, mapping.source, closes=batch.closes)
        ended = partial(self._ended, mapping.uuid, shard.id, number)
        try:
            self._lambda.invoking.start(
                function, version, mapping.target, msgspec.json.encode(event),
                _stream_name(mapping.source), ended,
            )  # fmt: skip
        except ServiceError as error:
            name = arns.last(mapping.function)
            detail = {"Shard": shard.id, "reason": error.extra.get("Reason", "")}
            self._world.journal.record(f"{name} mapping", "lambda.Throttle", name, detail)
            lane.pause = self._again(mapping, shard.id, number, 1)
            return
        lane.flight = True
        if batch.pairs:  # how long the last record waited (developer guide, "Lambda metrics")
            age = self._world.clock.ms - batch.pairs[-1][0].ms
            self._world.meters.add(mapping.function, "IteratorAge", age)

    def _target(self, mapping: EventSourceMapping) -> tuple[Function | None, Version | None]:
        function = self._lambda.functions.get(mapping.function)
        if function is None:
            return None, None
        try:
            return function, self._lambda.resolve(function, mapping.qualifier)
        except ServiceError:
            return function, None

    def _fresh(self, mapping: EventSourceMapping, batch: Batch, version: Version, shard: str) -> Batch:
        """The batch without the records that are too old by now; those are given up."""
        longest = self._source.feed.retention_ms(mapping.source)
        age = mapping.given.get("MaximumRecordAgeInSeconds")
        if age is not None and age >= 0:
            longest = min(longest, age * 1000)
        oldest = self._world.clock.ms - longest
        count = sum(record.ms < oldest for record, _ in batch.pairs)
        if not count:
            return batch
        self._give_up(mapping, batch.part(0, count), version, shard, discarded.AGE, None)
        return batch.part(count)

    def _again(
        self, mapping: EventSourceMapping, shard: str, number: int, seconds: float, *, drives: bool = True
    ) -> Any:
        label = f"{_stream_name(mapping.source)} {shard}: try again"
        return self._world.scheduler.after(
            seconds, label, self._resume, mapping.uuid, shard, number, drives=drives
        )

    def _resume(self, uuid: str, shard: str, number: int) -> None:
        lane = self._lane(uuid, shard, number)
        if lane is not None:
            lane.pause = None
            self._source.turn(uuid, shard, number)

    # What came of it.

    def _ended(self, uuid: str, shard: str, number: int, invocation: Invocation, outcome: Outcome) -> None:
        poller, lane = self._source.pollers.get(uuid), self._lane(uuid, shard, number)
        mapping = self._source.mappings.table.get(uuid)
        if poller is None or lane is None or mapping is None:
            return
        lane.flight = False
        batch = lane.batches[0]
        failed = self._first_failed(mapping, batch, outcome)
        poller.result = "OK" if failed is None else "PROBLEM: Function call failed"
        if not outcome.error and lane.window is not None:
            lane.window = windows.after(lane.window, outcome.payload)
        if failed is None:
            lane.batches = lane.batches[1:]
            if batch.closes:
                self._close(lane)
        else:
            self._failed(mapping, lane, (shard, number), failed, (invocation, outcome))
        self._source.turn(uuid, shard, number)

    @staticmethod
    def _close(lane: Lane) -> None:
        lane.window = None
        if lane.window_timer is not None:
            lane.window_timer.cancel()
            lane.window_timer = None

    @staticmethod
    def _first_failed(mapping: EventSourceMapping, batch: Batch, outcome: Outcome) -> int | None:
        """The number of the first record that failed: everything from there on is tried again."""
        if outcome.error:
            return 0
        if not mapping.partial or not batch.pairs:
            return None
        sequences = batch.sequences
        left = answers.failed(outcome.payload, sequences)
        return min((sequences.index(sequence) for sequence in left), default=None)

    def _failed(
        self,
        mapping: EventSourceMapping,
        lane: Lane,
        place: tuple[str, int],
        failed: int,
        ended: tuple[Invocation, Outcome],
    ) -> None:
        batch, rest = lane.batches[0], lane.batches[1:]
        if failed:  # what is left counts as a new batch (recorded)
            lane.batches = (batch.part(failed, attempts=0), *rest)
            return
        attempts = batch.attempts + 1
        most = mapping.given.get("MaximumRetryAttempts", -1)
        if mapping.given.get("BisectBatchOnFunctionError") and len(batch.pairs) > 1:
            half = len(batch.pairs) // 2  # a split does not count as a retry
            lane.batches = (batch.part(0, half), batch.part(half), *rest)
        elif most >= 0 and attempts > most:
            given = Batch(batch.pairs, attempts, batch.closes)
            self._give_up(mapping, given, ended[0].version, place[0], discarded.RETRIES, ended)
            lane.batches = rest
            if batch.closes:
                self._close(lane)
            return
        else:
            lane.batches = (Batch(batch.pairs, attempts, batch.closes), *rest)
        seconds = min(2 ** min(attempts - 1, 10), LONGEST_PAUSE)
        lane.pause = self._again(mapping, *place, seconds)

    def _give_up(
        self,
        mapping: EventSourceMapping,
        batch: Batch,
        version: Version,
        shard: str,
        condition: str,
        ended: tuple[Invocation, Outcome] | None,
    ) -> None:
        detail = {"Shard": shard, "condition": condition, "SequenceNumbers": batch.sequences}
        self._note(mapping, "lambda.Discard", detail)
        if not batch.pairs:
            return
        found = discarded.document(
            batch, mapping, shard, condition, ended, self._source.info(batch), self._world.clock.ms,
            self._world.ids.uuid(),
        )  # fmt: skip
        self.destination.send(mapping, version, found, batch, shard)


def _stream_name(source: str) -> str:
    """A stream's name, or the table's for the stream of a table."""
    parsed = arns.parse(source)
    return parsed.resource.split("/")[1] if parsed and "/" in parsed.resource else source
