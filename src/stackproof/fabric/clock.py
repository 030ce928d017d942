"""The virtual clock: it stands still until the scheduler moves it."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH_MS = 1_767_225_600_000
"""Where every world starts unless told otherwise: 2026-01-01T00:00:00Z, in milliseconds."""


def milliseconds(seconds: float) -> int:
    """Seconds as whole milliseconds, rounded up so that a positive wait always makes progress."""
    whole = round(seconds * 1000)
    return whole if abs(whole - seconds * 1000) < 1e-6 else -int(-seconds * 1000 // 1)


class Clock:
    """Time in whole milliseconds since the Unix epoch, the resolution that AWS answers with.

    ``real`` says whether it is the wall clock, which nobody can move.
    """

    real = False
    __slots__ = ("ms", "start_ms")

    def __init__(self, start_ms: int = EPOCH_MS) -> None:
        self.ms = start_ms
        self.start_ms = start_ms

    @property
    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self.ms / 1000

    @property
    def elapsed(self) -> float:
        """Virtual seconds since this world began."""
        return (self.ms - self.start_ms) / 1000

    def datetime(self) -> datetime:
        """The present as an aware UTC datetime."""
        return datetime.fromtimestamp(self.ms / 1000, UTC)

    def iso(self) -> str:
        """The present as AWS writes it: ``2026-01-01T00:00:00.000Z``."""
        return iso(self.ms)


def iso(ms: int) -> str:
    """A time in milliseconds as ``2026-01-01T00:00:00.000Z``."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
