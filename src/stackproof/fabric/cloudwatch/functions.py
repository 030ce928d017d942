"""The functions of metric math. Source: user guide, "Functions supported for metric math"."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from stackproof.fabric.cloudwatch import errors
from stackproof.fabric.cloudwatch.algebra import Algebra, Series, Value

Arguments = list[Any]
Function = Callable[[Algebra, Arguments], Value]


def _wrong(name: str) -> Exception:
    return errors.validation(f"Error in expression: the arguments of {name} are wrong")


def _each(name: str, work: Callable[[float], float | None]) -> Function:
    """A function of each value."""

    def apply(algebra: Algebra, given: Arguments) -> Value:
        if len(given) != 1 or isinstance(given[0], str):
            raise _wrong(name)
        (value,) = given
        if isinstance(value, list):
            return [series.map(work) for series in value]
        if isinstance(value, Series):
            return value.map(work)
        found = work(float(value))
        if found is None:
            raise _wrong(name)
        return found

    return apply


def _aggregate(name: str, work: Callable[[list[float]], float]) -> Function:
    """One number of a series; a series of several, point by point."""

    def apply(algebra: Algebra, given: Arguments) -> Value:
        if len(given) != 1:
            raise _wrong(name)
        (value,) = given
        if isinstance(value, Series):
            points = list(value.values.values())
            return work(points) if points else 0.0
        if not isinstance(value, list):
            return _each(name, lambda number: work([number]))(algebra, given)
        times = sorted({at for series in value for at in series.values})
        found = {at: work([series.values[at] for series in value if at in series.values]) for at in times}
        return Series(found, algebra.period, name)

    return apply


def _steps(
    work: Callable[[int, float, int, float, int], float | None], *, first: float | None = None
) -> Function:
    """A function of each point and the one before it."""

    def one(series: Series) -> Series:
        found: dict[int, float] = {}
        before: tuple[int, float] | None = None
        for at, value in series.points():
            result = first if before is None else work(before[0], before[1], at, value, series.period)
            if result is not None:
                found[at] = result
            before = (at, value)
        return Series(found, series.period, series.label)

    def apply(algebra: Algebra, given: Arguments) -> Value:
        (value,) = given
        if isinstance(value, list):
            return [one(series) for series in value]
        if not isinstance(value, Series):
            raise _wrong("a function over time")
        return one(value)

    return apply


def _running(algebra: Algebra, given: Arguments) -> Value:
    def one(series: Series) -> Series:
        total = 0.0
        found: dict[int, float] = {}
        for at, value in series.points():
            total += value
            found[at] = total
        return Series(found, series.period, series.label)

    (value,) = given
    return [one(series) for series in value] if isinstance(value, list) else one(value)


def _fill(algebra: Algebra, given: Arguments) -> Value:
    if len(given) != 2:
        raise _wrong("FILL")
    value, filler = given
    if isinstance(value, list):
        return [_filled(algebra, series, filler) for series in value]
    if not isinstance(value, Series):
        raise _wrong("FILL")
    return _filled(algebra, value, filler)


def _filled(algebra: Algebra, series: Series, filler: Any) -> Series:
    times = range(algebra.start, algebra.end, series.period)
    known = series.points()
    found: dict[int, float] = dict(series.values)
    for at in times:
        if at in found:
            continue
        if isinstance(filler, Series):
            value = filler.values.get(at)
        elif isinstance(filler, str):
            value = _between(known, at, filler)
        else:
            value = float(filler)
        if value is not None:
            found[at] = value
    return Series(found, series.period, series.label)


def _between(known: list[tuple[int, float]], at: int, how: str) -> float | None:
    earlier = [point for point in known if point[0] < at]
    later = [point for point in known if point[0] > at]
    if how == "REPEAT":
        return earlier[-1][1] if earlier else None
    if how != "LINEAR":
        raise _wrong("FILL")
    if not earlier or not later:
        return None
    (x, a), (y, b) = earlier[-1], later[0]
    return a + (b - a) * (at - x) / (y - x)


def _if(algebra: Algebra, given: Arguments) -> Value:
    if len(given) not in (2, 3):
        raise _wrong("IF")
    test, chosen, other = given[0], given[1], given[2] if len(given) == 3 else None
    if isinstance(test, float):
        found = chosen if test else other
        if found is None:
            raise _wrong("IF")
        return found  # type: ignore[no-any-return]
    if not isinstance(test, Series):
        raise _wrong("IF")
    picked = {at: _at(chosen if value else other, at) for at, value in test.values.items()}
    kept = {at: value for at, value in picked.items() if value is not None}
    return Series(kept, test.period, test.label)


def _at(value: Any, at: int) -> float | None:
    if isinstance(value, Series):
        return value.values.get(at)
    return None if value is None else float(value)


def _metrics(algebra: Algebra, given: Arguments) -> Value:
    wanted = given[0] if given else ""
    return [series for name, series in algebra.metrics.items() if str(wanted) in name]


def _period(algebra: Algebra, given: Arguments) -> Value:
    if len(given) != 1 or not isinstance(given[0], Series):
        raise _wrong("PERIOD")
    return float(given[0].period)


def _time_series(algebra: Algebra, given: Arguments) -> Value:
    (value,) = given
    if not isinstance(value, float):
        raise _wrong("TIME_SERIES")
    period = algebra.period
    return Series(dict.fromkeys(range(algebra.start, algebra.end, period), value), period, "TIME_SERIES")


def _end(index: int) -> Function:
    def apply(algebra: Algebra, given: Arguments) -> Value:
        (value,) = given
        if not isinstance(value, list) or not value:
            raise _wrong("FIRST and LAST")
        found: Series = value[index]
        return found

    return apply


def _calendar(work: Callable[[datetime], float]) -> Function:
    def one(series: Series) -> Series:
        found = {at: work(datetime.fromtimestamp(at, UTC)) for at in series.values}
        return Series(found, series.period, series.label)

    def apply(algebra: Algebra, given: Arguments) -> Value:
        (value,) = given
        if not isinstance(value, Series):
            raise _wrong("a function of the calendar")
        return one(value)

    return apply


def _remove_empty(algebra: Algebra, given: Arguments) -> Value:
    (value,) = given
    return [series for series in value if series.values] if isinstance(value, list) else value


def _sort(algebra: Algebra, given: Arguments) -> Value:
    measures: dict[str, Callable[[list[float]], float]] = {
        "AVG": statistics.fmean, "MIN": min, "MAX": max, "SUM": math.fsum,
    }  # fmt: skip
    if len(given) < 3 or not isinstance(given[0], list) or given[1] not in measures:
        raise _wrong("SORT")
    measure = measures[given[1]]
    filled = [series for series in given[0] if series.values]
    ordered = sorted(
        filled, key=lambda series: measure(list(series.values.values())), reverse=given[2] == "DSC"
    )
    return ordered[: int(given[3])] if len(given) > 3 else ordered


def _log(base: float) -> Callable[[float], float | None]:
    return lambda value: math.log(value, base) if value > 0 else None


TABLE: dict[str, Function] = {
    "ABS": _each("ABS", abs),
    "CEIL": _each("CEIL", lambda value: float(math.ceil(value))),
    "FLOOR": _each("FLOOR", lambda value: float(math.floor(value))),
    "LOG": _each("LOG", _log(math.e)),
    "LOG10": _each("LOG10", lambda value: math.log10(value) if value > 0 else None),
    "AVG": _aggregate("AVG", statistics.fmean),
    "MAX": _aggregate("MAX", max),
    "MIN": _aggregate("MIN", min),
    "SUM": _aggregate("SUM", math.fsum),
    "STDDEV": _aggregate("STDDEV", statistics.pstdev),
    "METRIC_COUNT": lambda algebra, given: float(len(given[0]) if isinstance(given[0], list) else 1),
    "DATAPOINT_COUNT": _aggregate("DATAPOINT_COUNT", lambda points: float(len(points))),
    "DIFF": _steps(lambda then, before, at, value, period: value - before),
    "DIFF_TIME": _steps(lambda then, before, at, value, period: float(at - then)),
    "RATE": _steps(lambda then, before, at, value, period: (value - before) / (at - then)),
    "RUNNING_SUM": _running,
    "FILL": _fill,
    "IF": _if,
    "METRICS": _metrics,
    "PERIOD": _period,
    "TIME_SERIES": _time_series,
    "FIRST": _end(0),
    "LAST": _end(-1),
    "REMOVE_EMPTY": _remove_empty,
    "SORT": _sort,
    "EPOCH": _calendar(lambda at: at.timestamp()),
    "MINUTE": _calendar(lambda at: at.minute),
    "HOUR": _calendar(lambda at: at.hour),
    "DAY": _calendar(lambda at: at.isoweekday()),
    "DATE": _calendar(lambda at: at.day),
    "MONTH": _calendar(lambda at: at.month),
    "YEAR": _calendar(lambda at: at.year),
}
"""Function by name; ANOMALY_DETECTION_BAND, SEARCH and the like are refused by name."""
