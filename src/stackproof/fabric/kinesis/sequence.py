"""Sequence numbers, hash keys and shard iterators.

A sequence number is a decimal number of 56 digits that grows within its shard; like AWS's it tells
the shard and the second. Iterators are opaque texts that hold their place and the time they were made.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

LAST_HASH = 2**128 - 1
"""The highest hash key."""
ITERATOR_MS = 300_000
"""How long a shard iterator holds: five minutes."""
_SHARD_BITS, _SECOND_BITS, _INDEX_BITS = 36, 40, 64
_INDEX_AT = _SHARD_BITS + _SECOND_BITS
_CREATED_AT = _INDEX_AT + _INDEX_BITS


def hash_key(partition_key: str) -> int:
    """Where a partition key falls: its MD5 as a number."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big")


def number(shard: int, created_ms: int, index: int, ms: int) -> str:
    """The sequence number of a record. ``index`` counts from 0; -1 is the start of the shard."""
    head = (2 << 184) | (created_ms // 1000) << _CREATED_AT
    return str(head | (index + 1) << _INDEX_AT | (ms // 1000) << _SHARD_BITS | shard << 4 | 2)


def decoded(text: str) -> tuple[int, int] | None:
    """(shard number, index) of a sequence number; None when it is none of ours."""
    if not text.isdigit() or len(text) > 60:
        return None
    value = int(text)
    if value >> 184 != 2 or value & 15 != 2:
        return None
    return (value & (1 << _SHARD_BITS) - 1) >> 4, ((value >> _INDEX_AT) & (1 << _INDEX_BITS) - 1) - 1


def shard_id(shard: int) -> str:
    """A shard's id."""
    return f"shardId-{shard:012d}"


@dataclass(frozen=True, slots=True)
class Iterator:
    """A place in a shard, and when it was given out."""

    stream: str
    shard: str
    index: int
    made_ms: int

    def text(self) -> str:
        """As AWS gives it out."""
        held = json.dumps([self.stream, self.shard, self.index, self.made_ms], separators=(",", ":"))
        return base64.b64encode(held.encode()).decode()


def iterator(text: str) -> Iterator | None:
    """The iterator that a text stands for; None when it is malformed."""
    try:
        stream, shard, index, made_ms = json.loads(base64.b64decode(text, validate=True))
        return Iterator(str(stream), str(shard), int(index), int(made_ms))
    except (ValueError, TypeError):
        return None
