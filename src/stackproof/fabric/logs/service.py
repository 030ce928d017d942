"""The service CloudWatch Logs: what is written, who gets it, what is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.logs import errors, patterns
from stackproof.fabric.logs.metrics import Metrics
from stackproof.fabric.logs.model import Place
from stackproof.fabric.logs.reading import Reading
from stackproof.fabric.logs.subscriptions import Subscriptions
from stackproof.fabric.logs.writing import DAY_MS, Writing
from stackproof.fabric.service import Around, Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.world import World


class LogsService:
    """One instance serves all accounts and regions. For others: ``ingest`` and ``watched``."""

    name = "logs"

    def __init__(self, world: World) -> None:
        self.world = world
        self.writing = Writing(self)
        self.reading = Reading(self)
        self.subscriptions = Subscriptions(self)
        self.metrics = Metrics(self)
        self.operations: Mapping[str, Operation] = {
            **self.writing.operations,
            **self.reading.operations,
            **self.subscriptions.operations,
            **self.metrics.operations,
        }
        self.around: Mapping[str, Around] = {
            **self.reading.around,
            "DeleteLogGroup": self.delete_log_group,
            "DescribeLogGroups": self.describe_log_groups,
        }

    def ingest(self, place: Place, stream: str, events: list[dict[str, Any]], caller: Caller) -> None:
        """Take in events of another service (a function's lines); group and stream are there."""
        self.writing.ingest(place, stream, events, caller)

    def watched(self, place: Place) -> bool:
        """Whether somebody wants the events of a group as they come."""
        return bool(self.subscriptions.filters.get(place) or self.metrics.filters.get(place))

    # What the parts share.

    @staticmethod
    def place(params: Params, caller: Caller) -> Place:
        """The group of a request, by its name or its ARN."""
        named = params.get("logGroupName") or params.get("logGroupIdentifier") or ""
        parsed = arns.parse(named)
        if parsed is None:
            return Place(caller.account, caller.region, named)
        group = parsed.resource.removeprefix("log-group:").removesuffix(":*")
        return Place(parsed.account, parsed.region, group)

    def require(self, place: Place) -> None:
        """Raise ResourceNotFoundException when there is no such group."""
        if self._group(place) is None:
            raise errors.missing("log group")

    def retention_ms(self, place: Place) -> int | None:
        """How long a group keeps its events; None for ever."""
        group = self._group(place)
        days = group.get("retentionInDays") if group is not None else None
        return None if days is None else int(days) * DAY_MS

    def _group(self, place: Place) -> dict[str, Any] | None:
        assert self.world.state is not None  # groups are kept there
        caller = self.world.caller(place.account, place.region)
        params = {"logGroupNamePrefix": place.group}
        if not place.group:
            return None
        answer = self.world.state.call("logs", "DescribeLogGroups", params, caller)
        return next((one for one in answer["logGroups"] if one["logGroupName"] == place.group), None)

    @staticmethod
    def check_pattern(text: str) -> None:
        """Raise InvalidParameterException unless a filter pattern is one."""
        try:
            patterns.compiled(text)
        except patterns.InvalidPattern as error:
            raise errors.invalid(f"Invalid filter pattern: {error}") from error

    # Groups.

    def delete_log_group(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """Its filters go with the group."""
        answer = perform(params, caller)
        place = self.place(params, caller)
        self.subscriptions.filters.pop(place, None)
        self.metrics.filters.pop(place, None)
        return answer

    def describe_log_groups(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """With the number of metric filters."""
        answer = perform(params, caller)
        for one in answer["logGroups"]:
            place = Place(caller.account, caller.region, one["logGroupName"])
            one["metricFilterCount"] = len(self.metrics.filters.get(place, ()))
        return answer

    # Snapshots.

    def snapshot(self) -> Any:
        """Copies of what the parts hold."""
        return self.writing.snapshot(), self.subscriptions.snapshot(), self.metrics.snapshot()

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        writing, subscriptions, metrics = state
        self.writing.restore(writing)
        self.subscriptions.restore(subscriptions)
        self.metrics.restore(metrics)
