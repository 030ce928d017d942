"""GetMetricStatistics, GetMetricData, ListMetrics. Source: API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric.cloudwatch import errors
from stackproof.fabric.cloudwatch.algebra import Algebra, Series
from stackproof.fabric.cloudwatch.data import Cell, Metric, dimensions, ranked
from stackproof.fabric.cloudwatch.putting import seconds
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.cloudwatch.service import CloudWatchService

_POINTS = 1440
_RECENT_S = 3 * 3600
_LIST_PAGE = 500


class Reading:
    """For alarms: ``series`` and ``evaluate``."""

    def __init__(self, service: CloudWatchService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "GetMetricStatistics": self.get_metric_statistics,
            "GetMetricData": self.get_metric_data,
            "ListMetrics": self.list_metrics,
        }

    # The data.

    def cells(
        self, metric: Metric, unit: str, start: int, end: int, period: int
    ) -> dict[int, dict[str, Cell]]:
        """Cells of ``period`` seconds that begin at ``start``, by unit; only where there is data."""
        self._service.putting.take_up()
        aws = metric.namespace.startswith("AWS/")
        source = self._service.sources if aws and not self._put(metric) else self._service.store
        found: dict[int, dict[str, Cell]] = {}
        for second, kind, cell in source.read(metric, start, end):
            if not unit or kind == unit:
                at = start + (second - start) // period * period
                by_unit = found.setdefault(at, {})
                if kind not in by_unit:
                    by_unit[kind] = Cell()
                by_unit[kind].merge(cell)
        return found

    def _put(self, metric: Metric) -> bool:
        return metric in self._service.store.cells

    def series(
        self, metric: Metric, statistic: str, unit: str, start: int, end: int, period: int
    ) -> dict[int, float]:
        """A statistic by the seconds at which its periods begin."""
        found: dict[int, float] = {}
        for at, by_unit in sorted(self.cells(metric, unit, start, end, period).items()):
            whole = Cell()
            for cell in by_unit.values():
                whole.merge(cell)
            value = whole.statistic(statistic)
            if value is not None:
                found[at] = value
        return found

    def evaluate(self, queries: Sequence[Mapping[str, Any]], caller: Caller, start: int, end: int) -> Algebra:
        """Metrics and expressions of a request or an alarm, ready to be asked for by id."""
        algebra = Algebra(start, end)
        for query in queries:
            stat = query.get("MetricStat")
            step = int((stat or query).get("Period") or 60)
            label = query.get("Label")
            if stat is None:
                algebra.expression(query["Id"], query["Expression"], step, label or query["Id"])
                continue
            metric = self.metric(stat["Metric"], query, caller)
            values = self.series(metric, stat["Stat"], stat.get("Unit", ""), start, end, step)
            algebra.metric(query["Id"], Series(values, step, label or metric.name))
        return algebra

    @staticmethod
    def metric(given: Mapping[str, Any], query: Mapping[str, Any], caller: Caller) -> Metric:
        """The metric that a query names."""
        return Metric(
            query.get("AccountId") or caller.account, caller.region, given["Namespace"], given["MetricName"],
            dimensions(given.get("Dimensions")),
        )  # fmt: skip

    # The operations.

    def get_metric_statistics(self, params: Params, caller: Caller) -> Response:
        """Datapoints in no order on AWS; here by time."""
        start, end = _range(params, params["Period"], self._world.clock.now)
        period = params["Period"]
        statistics = [*(params.get("Statistics") or ()), *(params.get("ExtendedStatistics") or ())]
        if not statistics:
            raise errors.missing("Must specify either Statistics or ExtendedStatistics")
        if (end - start) // period > _POINTS:
            raise errors.combination(
                f"You have requested up to {(end - start) // period} datapoints, which exceeds the limit of "
                f"{_POINTS}. You may reduce the datapoints requested by increasing Period, or decreasing the "
                "time range."
            )
        for name in params.get("ExtendedStatistics") or ():
            ranked(name)
        metric = Metric(
            caller.account, caller.region, params["Namespace"], params["MetricName"],
            dimensions(params.get("Dimensions")),
        )  # fmt: skip
        points = []
        for at, by_unit in sorted(self.cells(metric, params.get("Unit", ""), start, end, period).items()):
            points += [_point(at, unit, cell, params) for unit, cell in by_unit.items()]
        return {"Label": params["MetricName"], "Datapoints": points}

    def get_metric_data(self, params: Params, caller: Caller) -> Response:
        """Metrics and expressions; the newest datapoint first unless asked otherwise."""
        queries = params["MetricDataQueries"]
        _check_queries(queries)
        periods = [int((query.get("MetricStat") or query).get("Period") or 60) for query in queries]
        start, end = _range(params, min(periods), self._world.clock.now)
        algebra = self.evaluate(queries, caller, start, end)
        newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in queries:
            if not query.get("ReturnData", True):
                continue
            for series in algebra.result(query["Id"]):
                points = sorted(series.values.items(), reverse=newest_first)
                results.append({
                    "Id": query["Id"], "Label": series.label, "StatusCode": "Complete",
                    "Timestamps": [moment(at) for at, _ in points], "Values": [value for _, value in points],
                })  # fmt: skip
        return {"MetricDataResults": results, "Messages": []}

    def list_metrics(self, params: Params, caller: Caller) -> Response:
        """Metrics with data, 500 a page. Those without data for two weeks are gone."""
        self._service.putting.take_up()
        place = (caller.account, caller.region)
        known = [metric for metric in self._service.store.cells if metric[:2] == place]
        wanted = dict.fromkeys([*known, *self._service.sources.known(*place)])
        found = sorted(metric for metric in wanted if self._listed(metric, params))
        begin = int(params.get("NextToken") or 0)
        page = found[begin : begin + _LIST_PAGE]
        answer: Response = {"Metrics": [metric.shown() for metric in page], "OwningAccounts": []}
        if begin + _LIST_PAGE < len(found):
            answer["NextToken"] = str(begin + _LIST_PAGE)
        return answer

    def _listed(self, metric: Metric, params: Params) -> bool:
        if params.get("Namespace", metric.namespace) != metric.namespace:
            return False
        if params.get("MetricName", metric.name) != metric.name:
            return False
        pairs = dict(metric.dimensions)
        for one in params.get("Dimensions") or ():
            if one["Name"] not in pairs or one.get("Value", pairs[one["Name"]]) != pairs[one["Name"]]:
                return False
        if params.get("RecentlyActive") != "PT3H":
            return True
        now = int(self._world.clock.now)
        return bool(self.cells(metric, "", now - _RECENT_S, now, _RECENT_S))


def _check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    if len(queries) > 500:
        raise errors.validation("The collection MetricDataQueries must not have a size greater than 500.")
    for number, query in enumerate(queries, 1):
        if bool(query.get("MetricStat")) == bool(query.get("Expression")):
            raise errors.validation(
                f"The parameter MetricDataQueries.member.{number} must have either MetricStat or Expression."
            )
        if sum(other["Id"] == query["Id"] for other in queries) > 1:
            raise errors.validation(f"The value {query['Id']} for parameter Id is used twice.")


def _range(params: Params, period: int, now: float) -> tuple[int, int]:
    """The first second and the one after the last; the start is rounded down as AWS does."""
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise errors.invalid("Period must be 1, 5, 10, 20, 30 or a multiple of 60")
    start, end = seconds(params["StartTime"]), seconds(params["EndTime"])
    if start >= end:
        raise errors.invalid("The parameter StartTime must be less than the parameter EndTime.")
    unit = 60 if period >= 60 else period
    first = int(start // unit * unit)
    return first, max(min(int(-(-end // 1)), int(now) + 1), first)


def _point(at: int, unit: str, cell: Cell, params: Params) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": moment(at), "Unit": unit}
    for name in params.get("Statistics") or ():
        point[name] = cell.statistic(name)
    extended = {name: cell.statistic(name) for name in params.get("ExtendedStatistics") or ()}
    kept = {name: value for name, value in extended.items() if value is not None}
    if kept:
        point["ExtendedStatistics"] = kept
    return point


def moment(second: float) -> datetime:
    """A time in seconds as botocore gives it."""
    return datetime.fromtimestamp(second, UTC)
