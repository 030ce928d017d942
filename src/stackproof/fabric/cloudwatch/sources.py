"""The metrics of AWS services that the fabric knows, from queue depths and from the world's meters.

Names, dimensions and units as each service's developer guide lists them under "metrics".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.cloudwatch.data import Cell, Metric
from stackproof.fabric.sqs.history import Depth

if TYPE_CHECKING:
    from stackproof.fabric.sqs.queue import Queue
    from stackproof.fabric.world import World

_NAMESPACES = {
    "sqs": ("AWS/SQS", "QueueName"), "sns": ("AWS/SNS", "TopicName"),
    "lambda": ("AWS/Lambda", "FunctionName"), "dynamodb": ("AWS/DynamoDB", "TableName"),
    "events": ("AWS/Events", "RuleName"), "kinesis": ("AWS/Kinesis", "StreamName"),
    "firehose": ("AWS/Firehose", "DeliveryStreamName"), "execute-api": ("AWS/ApiGateway", "ApiId"),
}  # fmt: skip
_DEPTHS = {
    "ApproximateNumberOfMessagesVisible": "Count", "ApproximateNumberOfMessagesNotVisible": "Count",
    "ApproximateNumberOfMessagesDelayed": "Count", "ApproximateAgeOfOldestMessage": "Seconds",
}  # fmt: skip
_UNITS = {
    "Duration": "Milliseconds", "Latency": "Milliseconds", "IntegrationLatency": "Milliseconds",
    "IteratorAge": "Milliseconds", "IteratorAgeMilliseconds": "Milliseconds",
    "GetRecords.IteratorAgeMilliseconds": "Milliseconds", "IncomingBytes": "Bytes",
}  # fmt: skip


class Sources:
    """Answers for namespaces that begin with ``AWS/``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self, metric: Metric, start: int, end: int) -> Iterator[tuple[int, str, Cell]]:
        """Cells by second, as ``Store.read``; a minute whose end has not come is as good as it is by now."""
        first, last = -(-start // 60), -(-end // 60)
        if metric.namespace == "AWS/SQS" and metric.name in _DEPTHS:
            yield from self._depths(metric, first, last)
            return
        readings = self._world.meters.readings
        unit = _UNITS.get(metric.name, "Count")
        for arn in self._arns(metric):
            for minute in range(first, last):
                values = readings.get((minute, arn, metric.name))
                if values is None:
                    continue
                cell = Cell()
                for value, times in values.items():
                    cell.add(float(value), times)
                yield minute * 60, unit, cell

    def resting(self, metric: Metric, start: int, end: int) -> Any:
        """What a metric is throughout a stretch of time when it does not change there; None when it does.

        Two stretches of the same answer have the same statistics: an alarm need not be judged again.
        """
        first, last = -(-start // 60), -(-end // 60)
        if metric.namespace != "AWS/SQS" or metric.name not in _DEPTHS:
            meters = self._world.meters
            quiet = all(meters.latest(arn, metric.name) < first for arn in self._arns(metric))
            return "silent" if quiet else None
        queue = self._queue(metric)
        if queue is None or metric.name == "ApproximateAgeOfOldestMessage":
            return None
        minutes = queue.history.minutes
        if not minutes or minutes[-1] > first:
            return None
        polled = self._world.service("sqs").watched(queue.arn)
        begin, finish = (queue.history.at(minute, polled=polled) for minute in (first, last - 1))
        return (begin or "silent") if begin == finish else None

    def _queue(self, metric: Metric) -> Queue | None:
        given = dict(metric.dimensions)
        if set(given) != {"QueueName"}:
            return None
        arn = arns.arn("sqs", metric.region, metric.account, given["QueueName"])
        found: Queue | None = self._world.service("sqs").queue(arn)
        return found

    def _depths(self, metric: Metric, first: int, last: int) -> Iterator[tuple[int, str, Cell]]:
        queue = self._queue(metric)
        if queue is None:
            return
        polled = self._world.service("sqs").watched(queue.arn)
        for minute in range(first, last):
            depth = queue.history.at(minute, polled=polled)
            if depth is not None:
                cell = Cell()
                cell.add(_shown(metric.name, depth, (minute + 1) * 60_000))
                yield minute * 60, _DEPTHS[metric.name], cell

    def _arns(self, metric: Metric) -> list[str]:
        """The resources whose readings make up a metric."""
        found = self._world.meters.measured(metric.name)
        return [arn for arn in found if metric.dimensions in _dimensions(arn) and _belongs(arn, metric)]

    def known(self, account: str, region: str) -> Iterator[Metric]:
        """Every metric of a place that has data."""
        for arn, name in self._world.meters.known():
            parsed = arns.parse(arn)
            if parsed is None or (parsed.account, parsed.region) != (account, region):
                continue
            for pairs in _dimensions(arn):
                yield Metric(account, region, _NAMESPACES[parsed.service][0], name, pairs)
        for queue in self._world.service("sqs").queues.values():
            parsed = arns.parse(queue.arn)
            if parsed is not None and (parsed.account, parsed.region) == (account, region):
                for name in _DEPTHS:
                    yield Metric(account, region, "AWS/SQS", name, (("QueueName", queue.name),))


def _shown(name: str, depth: Depth, end_ms: int) -> float:
    if name == "ApproximateAgeOfOldestMessage":
        return 0.0 if depth.oldest_ms is None else max((end_ms - depth.oldest_ms) // 1000, 0)
    if name.endswith("NotVisible"):
        return depth.in_flight
    return depth.delayed if name.endswith("Delayed") else depth.visible


def _belongs(arn: str, metric: Metric) -> bool:
    parsed = arns.parse(arn)
    return parsed is not None and (
        (parsed.account, parsed.region) == (metric.account, metric.region)
        and _NAMESPACES.get(parsed.service, ("",))[0] == metric.namespace
    )


def _dimensions(arn: str) -> list[tuple[tuple[str, str], ...]]:
    """The sets of dimensions under which a resource's readings are shown."""
    parsed = arns.parse(arn)
    if parsed is None or parsed.service not in _NAMESPACES:
        return []
    _, dimension = _NAMESPACES[parsed.service]
    resource = parsed.resource
    if parsed.service == "lambda":
        name, _, qualifier = resource.removeprefix("function:").partition(":")
        if qualifier:
            return [(("FunctionName", name), ("Resource", f"{name}:{qualifier}"))]
        return [(), ((dimension, name),), (("FunctionName", name), ("Resource", name))]
    if parsed.service == "execute-api":
        return _of_api(resource)
    if parsed.service == "events":
        bus, _, rule = resource.removeprefix("rule/").rpartition("/")
        with_bus = ((("EventBusName", bus), (dimension, rule)),) if bus else ()
        return [(), ((dimension, rule),), *with_bus]
    if parsed.service == "dynamodb":
        table, _, operation = resource.removeprefix("table/").partition("/operation/")
        pairs = ((dimension, table),)
        return [(("Operation", operation), *pairs)] if operation else [pairs]
    return [((dimension, resource.rpartition("/")[2]),)]


def _of_api(resource: str) -> list[tuple[tuple[str, str], ...]]:
    """``name`` or ``api/stage``: REST APIs are shown by their name, HTTP APIs by their id."""
    kind, api, stage = resource.split("/", 2)
    name = "ApiName" if kind == "rest" else "ApiId"
    return [((name, api),), ((name, api), ("Stage", stage))]
