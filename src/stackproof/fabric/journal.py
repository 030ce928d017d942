"""The ordered journal of everything that happened in a world.

Recording must be cheap: an entry is a tuple, its detail is encoded once (so that a later change of
a dict by its owner cannot change history) and becomes text only when somebody reads it. What is very
long is abbreviated when it is recorded.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from stackproof.fabric.clock import Clock, iso

_LONGEST_DETAIL = 4096
_LONGEST_BYTES = 256
"""Bytes beyond this length (a function's archive) stand in an entry by their size and digest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: when (ms), who, what, to what, with what, and the answer."""

    ms: int
    actor: str
    verb: str
    target: str
    detail: str
    result: str

    def __str__(self) -> str:
        answer = f" -> {self.result}" if self.result else ""
        detail = f" {self.detail}" if self.detail else ""
        return f"{iso(self.ms)} {self.actor}: {self.verb} {self.target}{detail}{answer}"


def _foreign(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (datetime.datetime, datetime.date, Decimal)):
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            value = value.astimezone(datetime.UTC)  # botocore gives the machine's local time
        return str(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return f"<{type(value).__name__}>"


_encode = msgspec.json.Encoder(enc_hook=_foreign).encode


def _encoded(value: Any) -> bytes:
    """A detail as it is kept: abbreviated where it is long, so that a long world fits into memory."""
    found = _encode(value)
    if len(found) > _LONGEST_BYTES and _has_long_bytes(value):
        found = _encode(_abbreviated(value))
    if len(found) > _LONGEST_DETAIL:
        return _clip(found.decode()).encode()
    return found


def _is_long(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray)) and len(value) > _LONGEST_BYTES


def _has_long_bytes(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        return False
    if kind is dict:
        return any(map(_has_long_bytes, value.values()))
    if kind is list or kind is tuple:
        return any(map(_has_long_bytes, value))
    return _is_long(value)


def _abbreviated(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _abbreviated(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_abbreviated(item) for item in value]
    if _is_long(value):
        return f"<bytes {len(value)} sha256:{hashlib.sha256(value).hexdigest()[:16]}>"
    return value


class Journal:
    """``mode`` is ``full`` or ``counts`` (only how often each actor did each thing)."""

    def __init__(self, clock: Clock, mode: str = "full") -> None:
        self._clock = clock
        self.full = mode == "full"
        self._entries: list[tuple[int, str, str, str, bytes, str | bytes]] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def record(self, actor: str, verb: str, target: str, detail: Any = None, result: Any = "") -> None:
        """Add an entry. ``detail`` and ``result`` are JSON-like (bytes and sets allowed)."""
        self.counts[verb, target] += 1
        if self.full:
            encoded = b"" if detail is None else _encoded(detail)
            answer = result if isinstance(result, str) else _encoded(result)
            self._entries.append((self._clock.ms, actor, verb, target, encoded, answer))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return (_entry(raw) for raw in self._entries)

    def entries(self, *, verb: str = "", target: str = "", actor: str = "", since: int = 0) -> list[Entry]:
        """The entries from number ``since`` on whose fields match (``verb`` may end in ``*``)."""
        return [
            _entry(raw)
            for raw in self._entries[since:]
            if _matches(raw[2], verb) and _matches(raw[3], target) and _matches(raw[1], actor)
        ]

    def timeline(self, *, since: int = 0, last: int | None = None) -> str:
        """The journal as text, one entry a line; the same world gives the same bytes."""
        raw = self._entries[since:]
        lines = [str(_entry(item)) for item in (raw if last is None else raw[-last:])]
        return "\n".join(lines) + ("\n" if lines else "")

    def mermaid(self, *, since: int = 0, last: int | None = 200) -> str:
        """A Mermaid sequence diagram of the journal (its last ``last`` entries)."""
        raw = self._entries[since:]
        lines = ["sequenceDiagram"]
        for item in raw if last is None else raw[-last:]:
            entry = _entry(item)
            outcome = " ✗" if entry.result.startswith("error") else ""
            lines.append(
                f"    {_participant(entry.actor)}->>{_participant(entry.target or entry.actor)}: "
                f"{_label(entry.verb)}{outcome}"
            )
        return "\n".join(lines) + "\n"

    def snapshot(self) -> Any:
        """Where the journal stands."""
        return (len(self._entries), Counter(self.counts))

    def restore(self, state: Any) -> None:
        """Forget what came after a snapshot."""
        length, counts = state
        del self._entries[length:]
        self.counts = Counter(counts)


def _entry(raw: tuple[int, str, str, str, bytes, str | bytes]) -> Entry:
    ms, actor, verb, target, detail, result = raw
    return Entry(
        ms,
        actor,
        verb,
        target,
        detail.decode(),
        result if isinstance(result, str) else result.decode(),
    )


def _clip(text: str) -> str:
    if len(text) <= _LONGEST_DETAIL:
        return text
    return f"{text[:_LONGEST_DETAIL]}… ({len(text)} characters)"


def _matches(value: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return not pattern or value == pattern


def _participant(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "_", name) or "world"


def _label(text: str) -> str:
    return re.sub(r"[;#\n]", " ", text)
