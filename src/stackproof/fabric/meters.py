"""Cheap counters of what happens, by minute: what CloudWatch shows as the metrics of AWS services.

A part of the fabric that does something measured says ``world.meters.add(arn, "Invocations")``. A reading
costs one dictionary entry for each minute, metric and value; nothing is sampled, nothing is scheduled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.clock import Clock
from stackproof.fabric.service import Caller, Params, ServiceError

_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")
Key = tuple[int, str, str]
"""The minute since the epoch, the ARN of the resource, the name of the metric."""


class Meters:
    """``readings`` maps a key to how often each value was read. ``embedded`` holds log lines in the embedded
    metric format that CloudWatch has not taken up yet: (account, region, log group, milliseconds, text)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.readings: dict[Key, dict[float, int]] = {}
        self._seen: dict[str, dict[str, int]] = {}
        self.embedded: list[tuple[str, str, str, int, str]] = []

    def add(self, arn: str, metric: str, value: float = 1, times: int = 1, ms: int | None = None) -> None:
        """Read ``value`` of a resource's metric ``times`` times, now or at ``ms``."""
        key = ((self._clock.ms if ms is None else ms) // 60_000, arn, metric)
        cell = self.readings.get(key)
        if cell is None:
            self.readings[key] = {value: times}
            self._seen.setdefault(metric, {})[arn] = key[0]
        else:
            cell[value] = cell.get(value, 0) + times

    def add_all(self, arn: str, readings: Mapping[str, float], ms: int) -> None:
        """Read each of several metrics of a resource once, at ``ms``."""
        minute = ms // 60_000
        for metric, value in readings.items():
            cell = self.readings.get((minute, arn, metric))
            if cell is None:
                self.add(arn, metric, value, ms=ms)
            else:
                cell[value] = cell.get(value, 0) + 1

    def line(self, account: str, region: str, group: str, ms: int, text: str) -> None:
        """Keep a log event when it may be in the embedded metric format."""
        if '"_aws"' in text:
            self.embedded.append((account, region, group, ms, text))

    def refused(self, operation: str, params: Params, caller: Caller, error: ServiceError) -> None:
        """A call of DynamoDB failed: count it where it was throttled, under the table and the operation."""
        if error.code not in _THROTTLED or not isinstance(params.get("TableName"), str):
            return
        name = arns.last(params["TableName"])
        table = arns.arn("dynamodb", caller.region, caller.account, f"table/{name}")
        self.add(f"{table}/operation/{operation}", "ThrottledRequests")
        reads = operation.startswith(("Get", "Query", "Scan", "BatchGet", "TransactGet"))
        self.add(table, "ReadThrottleEvents" if reads else "WriteThrottleEvents")

    def known(self) -> Iterator[tuple[str, str]]:
        """Every (ARN, metric) that was ever read."""
        return ((arn, metric) for metric, arns in self._seen.items() for arn in arns)

    def measured(self, metric: str) -> Iterator[str]:
        """The ARNs of which a metric was ever read."""
        return iter(self._seen.get(metric, ()))

    def latest(self, arn: str, metric: str) -> int:
        """The minute of the last reading; -1 before the first."""
        return self._seen.get(metric, {}).get(arn, -1)

    def snapshot(self) -> Any:
        """Copies of all readings."""
        return {key: dict(cell) for key, cell in self.readings.items()}, tuple(self.embedded)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        readings, embedded = state
        self.readings = {key: dict(cell) for key, cell in readings.items()}
        self.embedded = list(embedded)
        self._seen = {}
        for minute, arn, metric in readings:
            self._seen.setdefault(metric, {})[arn] = minute
