"""The stream of one table: shards that follow each other, and the numbers of their records."""

from __future__ import annotations

from dataclasses import dataclass, field

from stackproof.fabric import arns
from stackproof.fabric.shards import Record, Shard

RETENTION_MS = 24 * 3_600_000
"""How long a record stays, and how long a stream that was switched off can be read."""
ROLL_MS = 4 * 3_600_000
"""After how long a shard is followed by another."""
_FIRST = 10**20


@dataclass(slots=True)
class TableStream:
    """``keys`` are the table's key attributes, hash first; ``origins`` the numbers at which shards begin."""

    arn: str
    view: str
    keys: tuple[str, ...]
    created_ms: int
    enabled: bool = True
    disabled_ms: int = 0
    shards: dict[str, Shard] = field(default_factory=dict)
    origins: dict[str, int] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The table's name."""
        return self.arn.split("/")[1]

    @property
    def label(self) -> str:
        """The stream's label: the time at which it was switched on."""
        return self.arn.partition("/stream/")[2]

    @property
    def region(self) -> str:
        """The table's region."""
        parsed = arns.parse(self.arn)
        return parsed.region if parsed else ""

    def current(self, ms: int) -> Shard | None:
        """The shard that takes records now; None when it is time for another."""
        last = next(reversed(self.shards.values()), None)
        return last if last is not None and last.open and ms - last.created_ms < ROLL_MS else None

    def grow(self, ms: int, tag: str) -> Shard:
        """A new shard after the last one; ``tag`` ends its id."""
        last = next(reversed(self.shards.values()), None)
        parents: tuple[str, ...] = ()
        origin = 0
        if last is not None:
            last.closed_ms = ms if last.open else last.closed_ms
            parents, origin = (last.id,), self.origins[last.id] + last.next
        number = len(self.origins)
        shard = Shard(f"shardId-{ms * 1000 + number:020d}-{tag}", number, ms, parents=parents)
        self.shards[shard.id] = shard
        self.origins[shard.id] = origin
        return shard

    def sequence(self, shard: Shard, index: int) -> str:
        """The sequence number of a record; of the next one for the shard's start when there is none yet."""
        return str(_FIRST + self.origins[shard.id] + index)

    def index(self, shard: Shard, sequence: str) -> int | None:
        """The index that a sequence number stands for; None when it is none of this shard."""
        if not sequence.isdigit():
            return None
        index = int(sequence) - _FIRST - self.origins[shard.id]
        return index if 0 <= index < max(shard.next, 1) else None

    def add(self, shard: Shard, key: str, data: dict[str, object], ms: int, size: int) -> Record:
        """Append a record."""
        index = shard.next
        record = Record(index, ms, key, self.sequence(shard, index), data, size)
        shard.add(record)
        return record

    def disable(self, ms: int) -> None:
        """Take no more records."""
        self.enabled, self.disabled_ms = False, ms
        for shard in self.shards.values():
            shard.closed_ms = ms if shard.open else shard.closed_ms

    def trim(self, ms: int) -> None:
        """Forget what is older than a day."""
        for shard in [*self.shards.values()]:
            shard.trim(ms - RETENTION_MS)
            over = shard.closed_ms is not None and shard.closed_ms < ms - RETENTION_MS
            if over and shard.first >= shard.next and len(self.shards) > 1:
                del self.shards[shard.id]

    def gone(self, ms: int) -> bool:
        """Whether it was switched off more than a day ago."""
        return not self.enabled and self.disabled_ms < ms - RETENTION_MS

    def clone(self) -> TableStream:
        """A copy that shares the records."""
        shards = {name: shard.clone() for name, shard in self.shards.items()}
        return TableStream(
            self.arn, self.view, self.keys, self.created_ms, self.enabled, self.disabled_ms, shards,
            dict(self.origins),
        )  # fmt: skip
