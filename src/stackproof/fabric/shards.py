"""The shards of a stream: ordered logs of records that age, with a family tree.

Shared by Kinesis data streams and DynamoDB streams. Adding, reading at a place and dropping the oldest
record cost the same at any depth.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from stackproof.fabric import arns
from stackproof.fabric.scheduler import Scheduler

_COMPACT = 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``index`` counts the records of its shard; ``size`` is in bytes.

    ``data`` is the stream's own; ``key`` is what order is kept for (a partition key, an item's key).
    """

    index: int
    ms: int
    key: str
    sequence: str
    data: Any
    size: int


@dataclass(slots=True)
class Shard:
    """A log. ``start`` and ``end`` are its hash key range (both inclusive), ``parents`` the ids it came from.

    ``closed_ms`` is None while it takes records; ``first`` is the index of the oldest record still there.
    """

    id: str
    number: int
    created_ms: int
    start: int = 0
    end: int = 0
    parents: tuple[str, ...] = ()
    closed_ms: int | None = None
    first: int = 0
    _base: int = 0
    _log: list[Record] = field(default_factory=list)

    @property
    def next(self) -> int:
        """The index of the record that comes next."""
        return self._base + len(self._log)

    @property
    def open(self) -> bool:
        """Whether it takes records."""
        return self.closed_ms is None

    def add(self, record: Record) -> None:
        """Append a record whose index is ``next``."""
        self._log.append(record)

    def at(self, index: int) -> Record | None:
        """The record with an index; None when it is not there yet or no more."""
        place = index - self._base
        if index < self.first or place >= len(self._log):
            return None
        return self._log[place]

    def since(self, ms: int) -> int:
        """The index of the first record that is not older than ``ms``."""
        low = self.first - self._base
        return self._base + bisect_left(self._log, ms, lo=low, key=lambda record: record.ms)

    def trim(self, before_ms: int) -> None:
        """Forget the records older than a time."""
        place, log = self.first - self._base, self._log
        while place < len(log) and log[place].ms < before_ms:
            place += 1
        self.first = self._base + place
        if place > _COMPACT and place * 2 > len(log):
            del log[:place]
            self._base = self.first

    def records(self) -> Iterator[Record]:
        """What is there, oldest first."""
        return iter(self._log[self.first - self._base :])

    def clone(self) -> Shard:
        """A copy that shares the records."""
        return Shard(
            self.id, self.number, self.created_ms, self.start, self.end, self.parents, self.closed_ms,
            self.first, self._base, list(self._log),
        )  # fmt: skip


Notify = Callable[[str], None]


class Feed(Protocol):
    """What an event source mapping needs of a kind of stream; ``source`` is the stream's ARN."""

    def shards(self, source: str) -> Sequence[Shard]:
        """Every shard that is known, parents first, trimmed as of now; () when there is no stream."""
        ...

    def exists(self, source: str) -> bool:
        """Whether there is such a stream."""
        ...

    def retention_ms(self, source: str) -> int:
        """How long a record stays, in milliseconds."""
        ...

    def watch(self, source: str, notify: Notify) -> None:
        """Call ``notify(source)`` on the agenda whenever records or shards were added, and once now."""
        ...

    def unwatch(self, source: str, notify: Notify) -> None:
        """End a watch."""
        ...


class Watchers:
    """Who wants to know that a stream grew; many additions before anybody looks are told once."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._known: dict[str, tuple[Notify, ...]] = {}
        self._armed: set[str] = set()

    def add(self, source: str, notify: Notify) -> None:
        """Watch, and look once."""
        known = self._known.get(source, ())
        if notify not in known:
            self._known[source] = (*known, notify)
        self.wake(source)

    def remove(self, source: str, notify: Notify) -> None:
        """Watch no more."""
        left = tuple(other for other in self._known.get(source, ()) if other != notify)
        if left:
            self._known[source] = left
        else:
            self._known.pop(source, None)

    def wake(self, source: str) -> None:
        """The stream grew."""
        if source in self._known and source not in self._armed:
            self._armed.add(source)
            self._scheduler.soon(f"poll {arns.last(source)}", self._tell, source)

    def _tell(self, source: str) -> None:
        self._armed.discard(source)
        for notify in self._known.get(source, ()):
            notify(source)

    def snapshot(self) -> Any:
        """Who watches what."""
        return dict(self._known), frozenset(self._armed)

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        known, armed = state
        self._known, self._armed = dict(known), set(armed)
