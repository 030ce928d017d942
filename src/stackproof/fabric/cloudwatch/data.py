"""Metrics and their data: cells of values by time, and the statistics over them.

Percentiles are exact here (nearest rank over all values); CloudWatch's own are approximations of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stackproof.fabric.cloudwatch import errors

SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_RANKED = re.compile(r"(?P<kind>p|tm|wm|tc|ts)(?P<high>\d{1,3}(?:\.\d+)?)|(?P<iqm>IQM)")
_RANGED = re.compile(
    r"(?P<kind>TM|WM|TC|TS)\((?P<low>\d+(?:\.\d+)?)?%?:(?P<high>\d+(?:\.\d+)?)?%?\)", re.IGNORECASE
)


class Metric(NamedTuple):
    """The identity of a metric in an account and region; dimensions are sorted pairs."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    def shown(self) -> dict[str, Any]:
        """As the API answers it."""
        pairs = [{"Name": name, "Value": value} for name, value in self.dimensions]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": pairs}


def dimensions(given: Iterable[Mapping[str, str]] | None) -> tuple[tuple[str, str], ...]:
    """The identity of a list of dimensions."""
    return tuple(sorted((str(one["Name"]), str(one.get("Value", ""))) for one in given or ()))


@dataclass(slots=True)
class Cell:
    """What was measured in one stretch of time. ``values`` says how often each value was there; statistic
    sets have no values (``blurred``)."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    values: dict[float, float] = field(default_factory=dict)
    blurred: bool = False

    def add(self, value: float, times: float = 1) -> None:
        """Measure a value so many times."""
        self.values[value] = self.values.get(value, 0) + times
        self._count(times, value * times, value, value)

    def add_set(self, count: float, total: float, low: float, high: float) -> None:
        """A statistic set: percentiles exist only where all its values are one."""
        if count == 1 or low == high:
            self.values[high] = self.values.get(high, 0) + count
        else:
            self.blurred = True
        self._count(count, total, low, high)

    def _count(self, count: float, total: float, low: float, high: float) -> None:
        self.count += count
        self.total += total
        self.low, self.high = min(self.low, low), max(self.high, high)

    def merge(self, other: Cell) -> None:
        """Add another cell."""
        for value, times in other.values.items():
            self.values[value] = self.values.get(value, 0) + times
        self.blurred = self.blurred or other.blurred
        self._count(other.count, other.total, other.low, other.high)

    def clone(self) -> Cell:
        """A copy."""
        return Cell(self.count, self.total, self.low, self.high, dict(self.values), self.blurred)

    def statistic(self, name: str) -> float | None:
        """A statistic; None where there is nothing to say. Raises InvalidParameterValue."""
        if name in SIMPLE:
            if not self.count:
                return None
            return {
                "SampleCount": self.count, "Average": self.total / self.count, "Sum": self.total,
                "Minimum": self.low, "Maximum": self.high,
            }[name]  # fmt: skip
        kind, low, high = ranked(name)
        return None if self.blurred or not self.count else _ranked(self.values, kind, low, high)


def ranked(name: str) -> tuple[str, float, float]:
    """The kind and the two percents of an extended statistic; raises InvalidParameterValue."""
    match = _RANKED.fullmatch(name)
    if match is not None:
        if match["iqm"]:
            return "tm", 25.0, 75.0
        low, high = 0.0, float(match["high"])
    else:
        match = _RANGED.fullmatch(name)
        if match is None or "%" not in name:
            if name.upper().startswith("PR(") or match is not None:
                raise errors.not_emulated(f"statistic {name}")
            raise errors.invalid(f"The value {name} for parameter Statistic is not supported.")
        low, high = float(match["low"] or 0), float(match["high"] or 100)
    if not 0 <= low < high <= 100:
        raise errors.invalid(f"The value {name} for parameter Statistic is not supported.")
    return match["kind"].lower(), low, high


def _ranked(values: Mapping[float, float], kind: str, low: float, high: float) -> float | None:
    ordered = sorted(values.items())
    count = sum(times for _, times in ordered)
    if kind == "p":
        return _at(ordered, math.ceil(high / 100 * count))
    first, last = low / 100 * count, high / 100 * count
    inside: list[tuple[float, float]] = []
    passed = 0.0
    for value, times in ordered:
        share = min(passed + times, last) - max(passed, first)
        if share > 0:
            inside.append((value, share))
        passed += times
    if not inside:
        return None
    total = sum(value * share for value, share in inside)
    taken = sum(share for _, share in inside)
    if kind == "wm":
        outside = first * inside[0][0] + (count - last) * inside[-1][0]
        return (total + outside) / count
    return {"tm": total / taken, "ts": total, "tc": taken}[kind]


def _at(ordered: list[tuple[float, float]], rank: int) -> float:
    passed = 0.0
    for value, times in ordered:
        passed += times
        if passed >= rank:
            return value
    return ordered[-1][0]


class Store:
    """Data that was put: ``cells`` by metric, unit, and second (a minute's first at standard resolution)."""

    def __init__(self) -> None:
        self.cells: dict[Metric, dict[str, dict[int, Cell]]] = {}

    def cell(self, metric: Metric, unit: str, second: int) -> Cell:
        """The cell at a second, made when it is not there."""
        by_time = self.cells.setdefault(metric, {}).setdefault(unit, {})
        found = by_time.get(second)
        if found is None:
            found = by_time[second] = Cell()
        return found

    def read(self, metric: Metric, start: int, end: int) -> Iterable[tuple[int, str, Cell]]:
        """Cells from second ``start`` up to ``end`` (exclusive), with their units."""
        for unit, by_time in self.cells.get(metric, {}).items():
            if len(by_time) <= end - start:
                yield from ((at, unit, cell) for at, cell in by_time.items() if start <= at < end)
                continue
            for second in range(start, end):
                if second in by_time:
                    yield second, unit, by_time[second]

    def snapshot(self) -> Any:
        """Copies of all cells."""
        return {
            metric: {
                unit: {second: cell.clone() for second, cell in by_time.items()}
                for unit, by_time in units.items()
            }
            for metric, units in self.cells.items()
        }

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        twin = Store()
        twin.cells = state
        self.cells = twin.snapshot()
