"""PutLogEvents: what a request may hold, which events are too old or too new.

Source: API reference, "PutLogEvents": 10,000 events and 1,048,576 bytes (26 more for each event) a request,
in order of time, within 24 hours; events older than 14 days or the group's retention, or more than 2 hours
ahead, are rejected one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackproof.fabric.logs import errors
from stackproof.fabric.logs.model import LogEvent, Place
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.logs.service import LogsService

_MOST_EVENTS = 10_000
_MOST_BYTES = 1_048_576
_OVERHEAD = 26
DAY_MS = 86_400_000
_OLDEST_MS = 14 * DAY_MS
_NEWEST_MS = 2 * 3_600_000


class Writing:
    """Takes events in."""

    def __init__(self, service: LogsService) -> None:
        self._service = service
        self._world = service.world
        self._count = 0
        self.operations: Mapping[str, Operation] = {"PutLogEvents": self.put_log_events}

    def put_log_events(self, params: Params, caller: Caller) -> Response:
        """Store the good events and pass them on; the answer names the rejected ones."""
        place = self._service.place(params, caller)
        events = params["logEvents"]
        _check(events)
        good, rejected = self._sorted_out(events, self._service.retention_ms(place))
        if not good:
            self._require_stream(place, params["logStreamName"], caller)
            return {"nextSequenceToken": f"{self._count:056d}", "rejectedLogEventsInfo": rejected}
        answer = self.ingest(place, params["logStreamName"], good, caller)
        return {**answer, "rejectedLogEventsInfo": rejected} if rejected else answer

    def _require_stream(self, place: Place, stream: str, caller: Caller) -> None:
        assert self._world.state is not None  # streams are kept there
        params = {"logGroupName": place.group, "logStreamNamePrefix": stream}
        found = self._world.state.call("logs", "DescribeLogStreams", params, caller)["logStreams"]
        if all(one["logStreamName"] != stream for one in found):
            raise errors.missing("log stream")

    def _sorted_out(
        self, events: Sequence[Mapping[str, Any]], kept_ms: int | None
    ) -> tuple[list[Mapping[str, Any]], dict[str, int]]:
        now = self._world.clock.ms
        rejected: dict[str, int] = {}
        good: list[Mapping[str, Any]] = []
        for index, event in enumerate(events):
            age = now - event["timestamp"]
            if age < -_NEWEST_MS:
                rejected.setdefault("tooNewLogEventStartIndex", index)
            elif kept_ms is not None and kept_ms < age:
                rejected["expiredLogEventEndIndex"] = index + 1
            elif age > _OLDEST_MS:
                rejected["tooOldLogEventEndIndex"] = index + 1
            else:
                good.append(event)
        return good, rejected

    def ingest(
        self, place: Place, stream: str, events: Sequence[Mapping[str, Any]], caller: Caller
    ) -> Response:
        """Store events (``timestamp``, ``message``) that are known to be good, and pass them on."""
        assert self._world.state is not None  # groups are kept there
        params = {"logGroupName": place.group, "logStreamName": stream, "logEvents": list(events)}
        answer = self._world.state.call("logs", "PutLogEvents", params, caller)
        if events and self._service.watched(place):
            taken = tuple(self._event(event) for event in events)
            self._service.subscriptions.pass_on(place, stream, taken)
            self._service.metrics.count(place, taken)
        return {"nextSequenceToken": answer["nextSequenceToken"]}

    def _event(self, event: Mapping[str, Any]) -> LogEvent:
        self._count += 1
        return LogEvent(f"{event['timestamp']:016d}{self._count:040d}", event["timestamp"], event["message"])

    def snapshot(self) -> Any:
        """The number of the last event."""
        return self._count

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._count = state


def _check(events: Sequence[Mapping[str, Any]]) -> None:
    if len(events) > _MOST_EVENTS:
        raise errors.invalid(
            "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_MOST_EVENTS}"
        )
    size = sum(len(event["message"].encode()) + _OVERHEAD for event in events)
    if size > _MOST_BYTES:
        raise errors.invalid(f"Upload too large: {size} bytes exceeds limit of {_MOST_BYTES}")
    times = [event["timestamp"] for event in events]
    if times != sorted(times):
        raise errors.invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times and times[-1] - times[0] > DAY_MS:
        raise errors.invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
