"""A stream: its shards, its settings, and what may flow per second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.kinesis.sequence import LAST_HASH, number, shard_id
from stackproof.fabric.shards import Record, Shard

HOUR_MS = 3_600_000
WRITE_RECORDS, WRITE_BYTES = 1000, 1024 * 1024
"""What one shard takes in a second."""
READ_CALLS, READ_BYTES = 5, 2 * 1024 * 1024
"""What one shard gives in a second."""
ON_DEMAND_SHARDS = 4
"""Shards of a new on-demand stream."""


class Rate:
    """How much of a second is used up. ``free_ms``: reading is refused until then."""

    __slots__ = ("calls", "free_ms", "records", "second", "size")

    def __init__(self) -> None:
        self.second, self.records, self.size, self.calls, self.free_ms = 0, 0, 0, 0, 0

    def write(self, ms: int, size: int) -> bool:
        """Count a record; False when this second has no room for it."""
        if self.second != ms // 1000:
            self.second, self.records, self.size, self.calls = ms // 1000, 0, 0, 0
        if self.records >= WRITE_RECORDS or (self.size and self.size + size > WRITE_BYTES):
            return False
        self.records += 1
        self.size += size
        return True

    def read(self, ms: int) -> bool:
        """Count a call; False when this second has no room for it."""
        if self.second != ms // 1000:
            self.second, self.records, self.size, self.calls = ms // 1000, 0, 0, 0
        if ms < self.free_ms or self.calls >= READ_CALLS:
            return False
        self.calls += 1
        return True

    def given(self, ms: int, size: int) -> None:
        """Bytes went out: above the rate the next call has to wait."""
        if size > READ_BYTES:
            self.free_ms = ms + size * 1000 // READ_BYTES

    def clone(self) -> Rate:
        """A copy."""
        twin = Rate()
        for name in Rate.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin


@dataclass(frozen=True, slots=True)
class Consumer:
    """A registered consumer."""

    name: str
    arn: str
    created_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Stream:
    """``shards`` are in the order of their numbers, closed ones too; ``record_kib`` is the largest record."""

    name: str
    account: str
    region: str
    created_ms: int
    identifier: str = ""
    on_demand: bool = False
    retention_hours: int = 24
    record_kib: int = 1024
    key: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    policy: str = ""
    consumers: dict[str, Consumer] = field(default_factory=dict)
    resized_ms: tuple[int, ...] = ()
    shards: dict[str, Shard] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    _open: list[Shard] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """The stream's ARN."""
        return arns.arn("kinesis", self.region, self.account, f"stream/{self.name}")

    @property
    def open(self) -> list[Shard]:
        """The shards that take records, by hash key."""
        return self._open

    # Shards.

    def grow(self, start: int, end: int, ms: int, parents: tuple[str, ...] = ()) -> Shard:
        """A new shard of a hash key range (both ends inclusive)."""
        count = len(self.rates)
        shard = Shard(shard_id(count), count, ms, start, end, parents)
        self.shards[shard.id] = shard
        self.rates[shard.id] = Rate()
        self._sort()
        return shard

    def divide(self, count: int, ms: int) -> None:
        """The first shards: equal parts of all hash keys."""
        edges = [LAST_HASH * part // count for part in range(count + 1)]
        for part in range(count):
            self.grow(edges[part] + (part > 0), edges[part + 1], ms)

    def close(self, shard: Shard, ms: int) -> None:
        """The shard takes no more records."""
        shard.closed_ms = ms
        self._sort()

    def _sort(self) -> None:
        self._open = sorted((s for s in self.shards.values() if s.open), key=lambda shard: shard.start)

    def shard_of(self, hashed: int) -> Shard:
        """The open shard that a hash key falls into."""
        low, high = 0, len(self._open) - 1
        while low < high:
            middle = (low + high) // 2
            if self._open[middle].end < hashed:
                low = middle + 1
            else:
                high = middle
        return self._open[low]

    def trim(self, ms: int) -> None:
        """Forget what is older than the retention; closed shards go when their records have gone."""
        horizon = ms - self.retention_hours * HOUR_MS
        for shard in [*self.shards.values()]:
            shard.trim(horizon)
            if shard.closed_ms is not None and shard.closed_ms < horizon and shard.first >= shard.next:
                del self.shards[shard.id]

    def add(self, shard: Shard, key: str, data: bytes, ms: int, size: int) -> Record:
        """Append a record."""
        index = shard.next
        record = Record(index, ms, key, number(shard.number, shard.created_ms, index, ms), data, size)
        shard.add(record)
        return record

    def lineage(self) -> Iterator[Shard]:
        """The shards, parents before children."""
        return iter(self.shards.values())

    def clone(self) -> Stream:
        """A copy that shares the records."""
        values: dict[str, Any] = {name: getattr(self, name) for name in Stream.__slots__}
        values |= {"tags": dict(self.tags), "consumers": dict(self.consumers)}
        values["shards"] = {name: shard.clone() for name, shard in self.shards.items()}
        values["rates"] = {name: rate.clone() for name, rate in self.rates.items()}
        twin = Stream(**values)
        twin._sort()
        return twin
