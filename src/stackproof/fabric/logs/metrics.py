"""Metric filters: numbers out of log events.

Source: CloudWatch Logs user guide, "Creating metrics from log events using filters": an event that matches
publishes the metric's value, one that does not its default value if there is one; a value that is no number
is not published. A hundred filters a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric.logs import errors, patterns
from stackproof.fabric.logs.comparing import number
from stackproof.fabric.logs.model import LogEvent, MetricFilter, Place
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.logs.service import LogsService

MOST_FILTERS = 100
_MOST_DATA = 1000


class Metrics:
    """``filters`` are by group, then by name."""

    def __init__(self, service: LogsService) -> None:
        self._service = service
        self._world = service.world
        self.filters: dict[Place, dict[str, MetricFilter]] = {}
        self.operations: Mapping[str, Operation] = {
            "PutMetricFilter": self.put_metric_filter,
            "DescribeMetricFilters": self.describe_metric_filters,
            "DeleteMetricFilter": self.delete_metric_filter,
            "TestMetricFilter": self.test_metric_filter,
        }

    # Operations.

    def put_metric_filter(self, params: Params, caller: Caller) -> Response:
        """Make or replace a filter."""
        place = self._service.place(params, caller)
        self._service.require(place)
        self._service.check_pattern(params["filterPattern"])
        transformation = dict(params["metricTransformations"][0])
        if transformation.get("dimensions") and "defaultValue" in transformation:
            raise errors.invalid(
                "Invalid metric transformation: "
                "dimensions and default value are mutually exclusive properties."
            )
        name, known = params["filterName"], self.filters.get(place, {})
        if name not in known and len(known) >= MOST_FILTERS:
            raise errors.limit()
        made = MetricFilter(name, params["filterPattern"], transformation, self._world.clock.ms)
        self.filters[place] = {**known, name: made}
        return {}

    def describe_metric_filters(self, params: Params, caller: Caller) -> Response:
        """The filters of a group, or those that make a metric."""
        found: list[dict[str, Any]] = []
        for place, known in sorted(self.filters.items()):
            if (place.account, place.region) != (caller.account, caller.region):
                continue
            if params.get("logGroupName") not in (None, place.group):
                continue
            found += [_shown(place, known[name]) for name in sorted(known)]
        prefix, metric = params.get("filterNamePrefix", ""), params.get("metricName")
        space = params.get("metricNamespace")
        return {
            "metricFilters": [
                one
                for one in found
                if one["filterName"].startswith(prefix)
                and metric in (None, one["metricTransformations"][0]["metricName"])
                and space in (None, one["metricTransformations"][0]["metricNamespace"])
            ]
        }

    def delete_metric_filter(self, params: Params, caller: Caller) -> Response:
        """Forget a filter."""
        place = self._service.place(params, caller)
        self._service.require(place)
        known = self.filters.get(place, {})
        if params["filterName"] not in known:
            raise errors.missing("metric filter")
        self.filters[place] = {name: one for name, one in known.items() if name != params["filterName"]}
        return {}

    def test_metric_filter(self, params: Params, caller: Caller) -> Response:
        """Which messages match a pattern, and the values that come out of them."""
        self._service.check_pattern(params["filterPattern"])
        pattern = patterns.compiled(params["filterPattern"])
        found = []
        for index, message in enumerate(params["logEventMessages"], 1):
            values = pattern.extract(message)
            if values is not None:
                found.append({"eventNumber": index, "eventMessage": message, "extractedValues": values})
        return {"matches": found}

    # Counting.

    def count(self, place: Place, events: Sequence[LogEvent]) -> None:
        """Publish what the group's filters make of events."""
        for one in self.filters.get(place, {}).values():
            data = [datum for event in events if (datum := _datum(one, event)) is not None]
            caller = self._world.caller(
                place.account, place.region, actor="logs", service="logs.amazonaws.com"
            )
            for at in range(0, len(data), _MOST_DATA):
                params = {
                    "Namespace": one.transformation["metricNamespace"],
                    "MetricData": data[at : at + _MOST_DATA],
                }
                self._world.call("cloudwatch", "PutMetricData", params, caller)

    def snapshot(self) -> Any:
        """Everything in it is frozen."""
        return {place: dict(found) for place, found in self.filters.items()}

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self.filters = {place: dict(found) for place, found in state.items()}


def _datum(one: MetricFilter, event: LogEvent) -> dict[str, Any] | None:
    wanted = one.transformation
    values = patterns.compiled(one.pattern).extract(event.message)
    value = _value(str(wanted["metricValue"]), event.message, values) if values is not None else None
    if values is None and "defaultValue" in wanted:
        value = float(wanted["defaultValue"])
    if value is None:
        return None
    found: dict[str, Any] = {
        "MetricName": wanted["metricName"],
        "Timestamp": datetime.fromtimestamp(event.ms / 1000, UTC),
        "Value": value,
        "Unit": wanted.get("unit", "None"),
    }
    dimensions = _dimensions(wanted.get("dimensions") or {}, event.message, values or {})
    if dimensions is None:
        return None
    return {**found, "Dimensions": dimensions} if dimensions else found


def _value(written: str, message: str, values: Mapping[str, str]) -> float | None:
    text = _extracted(written, message, values) if written.startswith("$") else written
    amount = number(text) if text is not None else None
    return None if amount is None else float(amount)


def _extracted(written: str, message: str, values: Mapping[str, str]) -> str | None:
    """What ``$name`` or ``$.a.b`` stands for, be it in the pattern or not."""
    if written in values:
        return values[written]
    if not written.startswith(("$.", "$[")):
        return None
    found = patterns.compiled(f"{{ {written} = * }}").extract(message)
    return None if found is None else next(iter(found.values()), None)


def _dimensions(
    wanted: Mapping[str, str], message: str, values: Mapping[str, str]
) -> list[dict[str, str]] | None:
    """The dimensions of a datum; None when one of them has no value: then nothing is published."""
    found = []
    for name, written in wanted.items():
        value = _extracted(written, message, values)
        if value is None:
            return None
        found.append({"Name": name, "Value": value})
    return found


def _shown(place: Place, one: MetricFilter) -> dict[str, Any]:
    return {
        "filterName": one.name,
        "filterPattern": one.pattern,
        "metricTransformations": [dict(one.transformation)],
        "creationTime": one.created_ms,
        "logGroupName": place.group,
        "applyOnTransformedLogs": False,
    }
