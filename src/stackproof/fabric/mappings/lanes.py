"""Where an event source mapping stands in the shards of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric.shards import Record

if TYPE_CHECKING:
    from stackproof.fabric.scheduler import Timer

Entry = dict[str, Any]
Pair = tuple[Record, Entry]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that go to the function together; ``attempts`` were made and failed.

    ``closes`` marks the last call for a tumbling window, which has no records.
    """

    pairs: tuple[Pair, ...]
    attempts: int = 0
    closes: bool = False

    def part(self, start: int, stop: int | None = None, attempts: int | None = None) -> Batch:
        """Some of its records."""
        return Batch(self.pairs[start:stop], self.attempts if attempts is None else attempts)

    @property
    def sequences(self) -> list[str]:
        """The sequence numbers of its records."""
        return [record.sequence for record, _ in self.pairs]


@dataclass(frozen=True, slots=True)
class Window:
    """A tumbling window that is open: its bounds, and the state that the function handed back last."""

    start_ms: int
    end_ms: int
    state: Mapping[str, Any] = field(default_factory=dict)
    early: bool = False


@dataclass(slots=True)
class Lane:
    """One order of records: a shard's, or one of the ``ParallelizationFactor`` parts of a shard.

    ``position`` is the index of the record to be read next. What was read and is not done stands in
    ``batches`` (first to last) and in ``gathered``.
    """

    position: int
    batches: tuple[Batch, ...] = ()
    gathered: list[Pair] = field(default_factory=list)
    size: int = 0
    timer: Timer | None = None
    flight: bool = False
    pause: Timer | None = None
    window: Window | None = None
    window_timer: Timer | None = None

    @property
    def idle(self) -> bool:
        """Whether everything that was read is done."""
        return not (self.flight or self.batches or self.gathered)

    @property
    def checkpoint(self) -> int:
        """The index of the first record that is not done."""
        held = [batch.pairs[0][0].index for batch in self.batches if batch.pairs]
        held += [self.gathered[0][0].index] if self.gathered else []
        return min(held, default=self.position)

    def close_timer(self) -> None:
        """The batching window is over."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def stop_timers(self) -> None:
        """Let nothing happen by itself any more."""
        self.close_timer()
        for timer in (self.pause, self.window_timer):
            if timer is not None:
                timer.cancel()
        self.pause = self.window_timer = None

    def launch(self) -> None:
        """What gathers becomes a batch."""
        self.close_timer()
        if self.gathered:
            self.batches = (*self.batches, Batch(tuple(self.gathered)))
            self.gathered, self.size = [], 0

    def clone(self) -> Lane:
        """A copy."""
        return replace(self, gathered=list(self.gathered))


Place = tuple[str, int]
"""A shard's id and the lane's number within it."""


@dataclass(slots=True)
class Poller:
    """What one mapping holds.

    ``begun`` are the shards that were there when it began, with where it began; ``parts`` says into how
    many lanes a shard falls.
    """

    begun: dict[str, int]
    parts: dict[str, int] = field(default_factory=dict)
    lanes: dict[Place, Lane] = field(default_factory=dict)
    result: str = "No records processed"

    def of(self, shard: str) -> list[Lane]:
        """The lanes of a shard."""
        return [self.lanes[shard, number] for number in range(self.parts.get(shard, 0))]

    def divide(self, shard: str, parts: int, first: int) -> None:
        """Let a shard fall into so many lanes; one that was read before goes on where it stood."""
        known = self.of(shard)
        if len(known) == parts or any(lane.flight for lane in known):
            return
        begin = min((lane.checkpoint for lane in known), default=self.begun.get(shard, first))
        for number, lane in enumerate(known):
            lane.stop_timers()
            del self.lanes[shard, number]
        self.lanes |= {(shard, number): Lane(begin) for number in range(parts)}
        self.parts[shard] = parts

    def forget(self, shard: str) -> None:
        """The shard is gone."""
        for number in range(self.parts.pop(shard, 0)):
            self.lanes.pop((shard, number)).stop_timers()

    def clone(self) -> Poller:
        """A copy."""
        lanes = {place: lane.clone() for place, lane in self.lanes.items()}
        return Poller(dict(self.begun), dict(self.parts), lanes, self.result)
