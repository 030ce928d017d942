"""How well a replay kept the recorded times, and whether that is well enough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, 99th percentile and maximum of durations, in nanoseconds; all 0 when there are none."""

    count: int
    p50: int
    p99: int
    maximum: int


def spread(durations: Sequence[int]) -> Spread:
    """By nearest rank: the smallest value that at least that share of all values does not exceed."""
    ordered = sorted(durations)
    if not ordered:
        return Spread(0, 0, 0, 0)
    p50, p99 = (ordered[max(0, math.ceil(share * len(ordered) / 100) - 1)] for share in (50, 99))
    return Spread(len(ordered), p50, p99, ordered[-1])


def gaps(times: Sequence[int]) -> tuple[int, ...]:
    """The durations between neighbours, in the unit of the times."""
    return tuple(after - before for before, after in pairwise(times))


@dataclass(frozen=True, slots=True)
class Replayed:
    """When frames were due, and when they passed, both in nanoseconds; None never arrived."""

    due: tuple[int, ...]
    passed: tuple[int | None, ...]

    def __post_init__(self) -> None:
        if len(self.due) != len(self.passed):
            raise ValueError(f"{len(self.due)} frames were due, {len(self.passed)} are accounted for")

    @property
    def lost(self) -> int:
        """How many frames never arrived."""
        return self.passed.count(None)

    @property
    def recorded(self) -> Spread:
        """The gaps between frames as recorded."""
        return spread(gaps(self.due))

    @property
    def played(self) -> Spread:
        """The gaps between the frames that arrived."""
        return spread(gaps([one for one in self.passed if one is not None]))

    @property
    def deviation(self) -> Spread:
        """By how much the gap before each frame differs from the recorded one, whichever way."""
        return spread([abs(found - wanted) for found, wanted in self._pairs()])

    @property
    def drift(self) -> int:
        """By how much the whole took longer (or, negative, shorter) than recorded."""
        there = [(due, at) for due, at in zip(self.due, self.passed, strict=True) if at is not None]
        return (there[-1][1] - there[0][1]) - (there[-1][0] - there[0][0]) if there else 0

    def _pairs(self) -> Iterator[tuple[int, int]]:
        there = [(due, at) for due, at in zip(self.due, self.passed, strict=True) if at is not None]
        return ((later[1] - one[1], later[0] - one[0]) for one, later in pairwise(there))


@dataclass(frozen=True, slots=True)
class Limit:
    """What a replay may deviate at most. The defaults: a tenth of a 10 ms CAN cycle, twice that at most."""

    p50: timedelta = timedelta(microseconds=500)
    p99: timedelta = timedelta(milliseconds=1)
    maximum: timedelta = timedelta(milliseconds=2)
    drift: timedelta = timedelta(milliseconds=2)
    lost: int = 0


def exceeded(replayed: Replayed, limit: Limit) -> tuple[str, ...]:
    """Every limit that the replay broke, in words; empty when it kept them all."""
    found = replayed.deviation
    measures = (
        ("the median gap deviates", found.p50, limit.p50),
        ("the 99th percentile of the gaps deviates", found.p99, limit.p99),
        ("the worst gap deviates", found.maximum, limit.maximum),
        ("the whole drifts", abs(replayed.drift), limit.drift),
    )
    broken = [
        f"{what} by {milliseconds(value)}, at most {milliseconds(most // timedelta(microseconds=1) * 1000)}"
        for what, value, most in measures
        if value > most // timedelta(microseconds=1) * 1000
    ]
    if replayed.lost > limit.lost:
        broken.append(f"{replayed.lost:,} of {len(replayed.due):,} frames were lost, at most {limit.lost:,}")
    return tuple(broken)


def told(replayed: Replayed, limit: Limit) -> str:
    """The figures of a replay, each with its limit: what the gaps between frames deviate by, drift, loss."""
    found = replayed.deviation
    if not found.count:
        return f"{len(replayed.due):,} frames, {replayed.lost:,} lost: no gap between two that arrived"
    measures = (
        ("p50", found.p50, limit.p50),
        ("p99", found.p99, limit.p99),
        ("maximum", found.maximum, limit.maximum),
        ("drift", replayed.drift, limit.drift),
    )
    words = [
        f"{name} {milliseconds(value)} (at most {milliseconds(most // timedelta(microseconds=1) * 1000)})"
        for name, value, most in measures
    ]
    return f"{len(replayed.due):,} frames, gaps off by {', '.join(words)}, {replayed.lost:,} lost"


def milliseconds(nanoseconds: int) -> str:
    """``1.234 ms``."""
    return f"{nanoseconds / 1e6:,.3f} ms"
