"""What state a metric alarm has by its datapoints.

Sources: user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data". An alarm
looks back from the minute that ended last (its windows slide by a minute, by ten seconds when its period is
shorter than a minute), over two periods more than it needs, in case datapoints are missing.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.fabric.cloudwatch.alarm import ALARM, INSUFFICIENT, OK, Alarm, stamp
from stackproof.fabric.cloudwatch.data import Metric, dimensions
from stackproof.fabric.cloudwatch.reading import moment

if TYPE_CHECKING:
    from stackproof.fabric.cloudwatch.reading import Reading
    from stackproof.fabric.cloudwatch.sources import Sources
    from stackproof.fabric.service import Caller

_EXTRA = 2
"""Periods that are looked at beyond those needed (the range of five for three in the user guide)."""
_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state that an alarm should have (None: the one it has), why, and what was looked at."""

    state: str | None
    reason: str = ""
    data: str = ""


Points = Sequence[tuple[int, float | None]]
"""The second at which each period begins, oldest first, with its datapoint."""


def state_of(values: Sequence[bool | None], needed: int, periods: int, missing: str) -> str | None:
    """The state by datapoints, oldest first: True breaches, None is missing. None: the alarm keeps its state.

    ``values`` is the evaluation range, which is longer than ``periods``; ``needed`` is M of M out of N.
    """
    real = [value for value in values if value is not None]
    if len(real) >= periods:
        return ALARM if sum(real[-periods:]) >= needed else OK
    breaching, absent = sum(real), periods - len(real)
    if missing == "breaching":
        return ALARM if breaching + absent >= needed else OK
    if missing == "notBreaching":
        return ALARM if breaching >= needed else OK
    if not real:
        return None if missing == "ignore" else INSUFFICIENT
    if breaching >= needed:
        return ALARM
    if breaching < len(real):
        return OK
    # All that is there breaches, and it is too little: an alarm only when the next points cannot change it.
    oldest = len(values) - list(values).index(True)
    return ALARM if missing == "missing" and oldest >= needed else None


def resting(alarm: Alarm, sources: Sources, now_ms: int) -> Any:
    """What the metric of an alarm rests at over the range that is looked at; None when it moves."""
    settings = alarm.settings
    if settings.get("Metrics") or not str(settings["Namespace"]).startswith("AWS/"):
        return None
    end = now_ms // 1000
    return sources.resting(_metric(alarm), end - (alarm.needed[1] + _EXTRA) * alarm.period, end)


def _metric(alarm: Alarm) -> Metric:
    settings = alarm.settings
    return Metric(
        alarm.account, alarm.region, settings["Namespace"], settings["MetricName"],
        dimensions(settings.get("Dimensions")),
    )  # fmt: skip


def judge(alarm: Alarm, reading: Reading, caller: Caller, now_ms: int) -> Judgement:
    """Read the datapoints of a metric alarm and judge them."""
    needed, periods = alarm.needed
    points = datapoints(alarm, reading, caller, now_ms // 1000, periods + _EXTRA)
    threshold = float(alarm.settings["Threshold"])
    compare, _ = _COMPARISONS[alarm.settings["ComparisonOperator"]]
    values = [None if value is None else compare(value, threshold) for _, value in points]
    missing = alarm.settings.get("TreatMissingData", "")
    if not missing:
        # Metrics of tables are sparse, and their alarms ignore what is missing unless told otherwise.
        missing = "ignore" if alarm.settings.get("Namespace") == "AWS/DynamoDB" else "missing"
    state = state_of(values, needed, periods, missing)
    if state is None:
        return Judgement(None)
    return Judgement(state, _reason(alarm, points, state, missing), _data(alarm, points, now_ms))


def datapoints(alarm: Alarm, reading: Reading, caller: Caller, now: int, count: int) -> Points:
    """The datapoints of the last ``count`` periods, oldest first."""
    period, settings = alarm.period, alarm.settings
    start = now - count * period
    found: Mapping[int, float]
    if settings.get("Metrics"):
        algebra = reading.evaluate(settings["Metrics"], caller, start, now)
        (watched,) = algebra.result(_watched(settings))
        found = watched.values
    else:
        statistic = settings.get("Statistic") or settings["ExtendedStatistic"]
        found = reading.series(_metric(alarm), statistic, settings.get("Unit", ""), start, now, period)
    return [(at, found.get(at)) for at in range(start, now, period)]


def _watched(settings: Mapping[str, Any]) -> str:
    """The one query of a metric math alarm that returns data."""
    returned = [query["Id"] for query in settings["Metrics"] if query.get("ReturnData", True)]
    return str(settings.get("ThresholdMetricId") or returned[0])


def _reason(alarm: Alarm, points: Points, state: str, missing: str) -> str:
    needed, periods = alarm.needed
    real = [(at, value) for at, value in points if value is not None][-periods:]
    if state == INSUFFICIENT:
        plural = "datapoint was" if periods == 1 else "datapoints were"
        return f"Insufficient Data: {periods} {plural} unknown."
    threshold = float(alarm.settings["Threshold"])
    compare, words = _COMPARISONS[alarm.settings["ComparisonOperator"]]
    if not real:
        kind = "Breaching" if missing == "breaching" else "NonBreaching"
        plural = "datapoint was" if periods == 1 else "datapoints were"
        return (
            f"Threshold Crossed: no datapoints were received for {periods} period"
            f"{'' if periods == 1 else 's'} and {periods} missing {plural} treated as [{kind}]."
        )
    telling = [(at, value) for at, value in real if compare(value, threshold) == (state == ALARM)] or real
    shown = ", ".join(f"{value} ({moment(at):%d/%m/%y %H:%M:%S})" for at, value in reversed(telling))
    negation = "" if state == ALARM else "not "
    verb = "was" if len(telling) == 1 else "were"
    head = f"{len(telling)} datapoint" if periods == 1 else (
        f"{len(telling)} out of the last {periods} datapoints"
    )  # fmt: skip
    tail = "" if periods == 1 else (
        f" (minimum {needed} datapoint{'' if needed == 1 else 's'} for "
        f"{'OK -> ALARM' if state == ALARM else 'ALARM -> OK'} transition)"
    )  # fmt: skip
    return f"Threshold Crossed: {head} [{shown}] {verb} {negation}{words} the threshold ({threshold}){tail}."


def _data(alarm: Alarm, points: Points, now_ms: int) -> str:
    _, periods = alarm.needed
    real = [value for _, value in points if value is not None][-periods:]
    known = [at for at, value in points if value is not None]
    document: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now_ms)}
    if known:
        document["startDate"] = stamp(known[-len(real)] * 1000)
    for name in ("Unit", "Statistic"):
        if alarm.settings.get(name):
            document[name.lower()] = alarm.settings[name]
    document |= {
        "period": alarm.period, "recentDatapoints": real, "threshold": float(alarm.settings["Threshold"]),
    }  # fmt: skip
    return json.dumps(document, separators=(",", ":"))
