"""FilterLogEvents and GetLogEvents: patterns, pages, and the retention of the group on the virtual clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.logs import errors, patterns
from stackproof.fabric.logs.model import Place
from stackproof.fabric.service import Around, Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.logs.service import LogsService

_PAGE = 10_000


class Reading:
    """Reads what the state behind keeps."""

    def __init__(self, service: LogsService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {"FilterLogEvents": self.filter_log_events}
        self.around: Mapping[str, Around] = {"GetLogEvents": self.get_log_events}

    def get_log_events(self, params: Params, caller: Caller, perform: Operation) -> Response:
        """Without what the group no longer keeps."""
        answer = perform(params, caller)
        oldest = self._oldest(self._service.place(params, caller))
        answer["events"] = [one for one in answer["events"] if one["timestamp"] >= oldest]
        return answer

    def _oldest(self, place: Place) -> int:
        kept = self._service.retention_ms(place)
        return 0 if kept is None else self._world.clock.ms - kept

    def filter_log_events(self, params: Params, caller: Caller) -> Response:
        """The events of a group in the order of time, those that satisfy a pattern if one is given."""
        place = self._service.place(params, caller)
        if params.get("logStreamNames") and params.get("logStreamNamePrefix"):
            raise errors.invalid("logStreamNames and logStreamNamePrefix cannot be used together.")
        self._service.check_pattern(params.get("filterPattern", ""))
        pattern = patterns.compiled(params.get("filterPattern", ""))
        oldest, prefix = self._oldest(place), params.get("logStreamNamePrefix", "")
        found = [
            one
            for one in self._all(place, params, caller)
            if one["timestamp"] >= oldest
            and one["logStreamName"].startswith(prefix)
            and pattern.matches(one["message"])
        ]
        start = _start(params.get("nextToken"))
        end = start + params.get("limit", _PAGE)
        answer: Response = {"events": found[start:end], "searchedLogStreams": []}
        if end < len(found):
            answer["nextToken"] = f"after/{end}"
        return answer

    def _all(self, place: Place, params: Params, caller: Caller) -> list[dict[str, Any]]:
        """Every event of the group in the request's span of time; an id is its place in the group."""
        assert self._world.state is not None  # events are kept there
        given = ("logStreamNames", "startTime", "endTime")
        wanted: Params = {name: params[name] for name in given if name in params}
        wanted |= {"logGroupName": place.group, "limit": _PAGE, "interleaved": True}
        found: list[dict[str, Any]] = []
        while True:
            answer = self._world.state.call("logs", "FilterLogEvents", wanted, caller)
            found += answer["events"]
            if "nextToken" not in answer:
                break
            wanted["nextToken"] = answer["nextToken"]
        for index, one in enumerate(found):
            one["eventId"] = f"{one['timestamp']:016d}{index:040d}"
        return found


def _start(token: str | None) -> int:
    if token is None:
        return 0
    head, _, count = token.partition("/")
    if head != "after" or not count.isdigit():
        raise errors.invalid("The specified nextToken is invalid.")
    return int(count)
