"""PutMetricData, and the embedded metric format in logs.

Sources: API reference, PutMetricData; user guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.cloudwatch import errors
from stackproof.fabric.cloudwatch.data import Metric, dimensions
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.cloudwatch.service import CloudWatchService

_LARGEST = 2.0**360
_OLDEST_S = 14 * 86_400
_NEWEST_S = 2 * 3600
_DATA, _DIMENSIONS, _VALUES, _EMBEDDED_VALUES = 1000, 30, 150, 100


class Putting:
    """Takes data in."""

    def __init__(self, service: CloudWatchService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {"PutMetricData": self.put_metric_data}

    def put_metric_data(self, params: Params, caller: Caller) -> Response:
        """All data of a request, or none of it."""
        namespace = params["Namespace"]
        if namespace.startswith(("AWS/", ":")) and not caller.service:
            raise errors.invalid(f"The value {namespace} for parameter Namespace is invalid.")
        data = list(params.get("MetricData") or ())
        for entity in params.get("EntityMetricData") or ():
            data += entity.get("MetricData") or ()
        if not data:
            raise errors.missing("The parameter MetricData is required.")
        if len(data) > _DATA:
            raise errors.invalid(f"The collection MetricData must not have a size greater than {_DATA}.")
        for number, datum in enumerate(data, 1):
            self._check(datum, f"MetricData.member.{number}")
        for datum in data:
            self.put(caller.account, caller.region, namespace, datum)
        return {}

    def _check(self, datum: Mapping[str, Any], place: str) -> None:
        if len(datum.get("Dimensions") or ()) > _DIMENSIONS:
            raise errors.invalid(
                f"The collection {place}.Dimensions must not have a size greater than {_DIMENSIONS}."
            )
        if datum.get("StorageResolution", 60) not in (1, 60):
            raise errors.invalid(f"The parameter {place}.StorageResolution must be 1 or 60.")
        values, counts = datum.get("Values"), datum.get("Counts")
        for one, other in (("Value", "Values"), ("Value", "StatisticValues"), ("Values", "StatisticValues")):
            if datum.get(one) is not None and datum.get(other):
                raise errors.combination(
                    f"The parameters {place}.{one} and {place}.{other} are mutually exclusive and you have "
                    "specified both."
                )
        if datum.get("Value") is None and not values and not datum.get("StatisticValues"):
            raise errors.combination(f"At least one of the parameters must be specified: {place}.Value.")
        if values and len(values) > _VALUES:
            raise errors.invalid(
                f"The collection {place}.Values must not have a size greater than {_VALUES}."
            )
        if counts and len(counts) != len(values or ()):
            raise errors.invalid(
                f"The parameters {place}.Values and {place}.Counts must be of the same size."
            )
        sets = (datum.get("StatisticValues") or {}).values()
        for value in [datum.get("Value"), *(values or ()), *sets]:
            if value is not None and (not math.isfinite(value) or abs(value) > _LARGEST):
                raise errors.invalid(f"The value {value} for parameter {place}.Value is invalid.")
        self._second(datum, place)

    def _second(self, datum: Mapping[str, Any], place: str = "Timestamp") -> int:
        """The second of a datum; raises for one that is too old or too far ahead."""
        now = self._world.clock.now
        given = datum.get("Timestamp")
        at = now if given is None else seconds(given)
        if not now - _OLDEST_S <= at <= now + _NEWEST_S:
            raise errors.invalid(
                f"The parameter {place}.Timestamp must specify a time within the past two weeks and at most "
                "two hours ahead."
            )
        return int(at)

    def put(self, account: str, region: str, namespace: str, datum: Mapping[str, Any]) -> None:
        """One checked datum."""
        second = self._second(datum)
        if datum.get("StorageResolution") != 1:
            second -= second % 60
        pairs = dimensions(datum.get("Dimensions"))
        metric = Metric(account, region, namespace, datum["MetricName"], pairs)
        cell = self._service.store.cell(metric, datum.get("Unit", "None"), second)
        sets = datum.get("StatisticValues")
        if sets:
            cell.add_set(sets["SampleCount"], sets["Sum"], sets["Minimum"], sets["Maximum"])
            return
        values = datum.get("Values") or [datum["Value"]]
        for value, times in zip(values, datum.get("Counts") or [1.0] * len(values), strict=True):
            cell.add(float(value), float(times))

    # The embedded metric format.

    def take_up(self) -> None:
        """Put what log events carry; what breaks the format is named in the journal, as AWS counts it."""
        meters = self._world.meters
        lines, meters.embedded = meters.embedded, []
        for account, region, group, ms, text in lines:
            try:
                for namespace, datum in embedded(text, ms):
                    self.put(account, region, namespace, datum)
            except ValueError as error:
                detail = {"message": str(error)}
                self._world.journal.record(group, "cloudwatch.EmbeddedMetricInvalid", group, detail)


def embedded(text: str, ms: int) -> list[tuple[str, dict[str, Any]]]:
    """(namespace, datum) of a log event; ValueError for a broken one, [] for one that is none at all."""
    try:
        root: Any = json.loads(text)
    except ValueError:
        return []
    about = root.get("_aws") if isinstance(root, dict) else None
    if not isinstance(about, dict) or "CloudWatchMetrics" not in about:
        return []
    at = about.get("Timestamp", ms)
    if isinstance(at, bool) or not isinstance(at, int):
        raise ValueError("_aws.Timestamp must be milliseconds")
    found: list[tuple[str, dict[str, Any]]] = []
    for directive in about["CloudWatchMetrics"]:
        for metric in directive.get("Metrics", ()):
            if metric["Name"] not in root:
                continue
            found += [
                (directive["Namespace"], _datum(root, metric, names, at))
                for names in directive.get("Dimensions") or [[]]
            ]
    return found


def _datum(root: Mapping[str, Any], metric: Mapping[str, Any], names: Any, at: int) -> dict[str, Any]:
    given = root[metric["Name"]]
    values = given if isinstance(given, list) else [given]
    if len(values) > _EMBEDDED_VALUES or any(
        isinstance(value, bool) or not isinstance(value, int | float) for value in values
    ):
        raise ValueError(f"the value of {metric['Name']} must be a number or at most 100 numbers")
    if len(names) > _DIMENSIONS or any(name not in root for name in names):
        raise ValueError(f"the dimensions of {metric['Name']} must be members of the event, at most 30")
    return {
        "MetricName": metric["Name"],
        "Values": values,
        "Dimensions": [{"Name": name, "Value": str(root[name])} for name in names],
        "Unit": metric.get("Unit", "None"),
        "Timestamp": at / 1000,
        "StorageResolution": metric.get("StorageResolution", 60),
    }


def seconds(moment: Any) -> float:
    """A time of a request in seconds since the epoch."""
    from datetime import UTC, datetime

    if isinstance(moment, int | float):
        return float(moment)
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return float(aware.timestamp())
