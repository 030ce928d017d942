"""PutEvents, and what AWS services put: from an entry to an event on a bus.

Source: API reference, PutEvents (10 entries, 256 KB in all, which fields are needed); an event to a bus
that does not exist is accepted and lost, as on AWS (here the journal has it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric.clock import iso
from stackproof.fabric.events import access, errors
from stackproof.fabric.events.model import DEFAULT, Event, bus_arn, bus_name
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

MOST_ENTRIES = 10
MOST_BYTES = 262_144
"""Bytes of all entries of a call: 256 KB."""


class Putting:
    """``put_events`` is the API; ``emit`` is for AWS services, whose sources begin with ``aws.``."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {"PutEvents": self.put_events}

    def put_events(self, params: Params, caller: Caller) -> Response:
        """Each entry succeeds (EventId) or fails (ErrorCode, ErrorMessage) by itself."""
        entries = params["Entries"]
        if len(entries) > MOST_ENTRIES:
            rule = f"Member must have length less than or equal to {MOST_ENTRIES}"
            raise errors.constraint(f"[{', '.join(map(_shown, entries))}]", "entries", rule)
        if params.get("EndpointId"):
            raise errors.validation("Global endpoints are not emulated: EndpointId cannot be used.")
        if sum(map(_size, entries)) > MOST_BYTES:
            raise errors.validation("Total size of the entries in the request is over the limit.")
        answers: list[Response] = []
        for entry in entries:
            try:
                answers.append({"EventId": self._put(entry, caller)})
            except ServiceError as error:
                answers.append({"ErrorCode": error.code, "ErrorMessage": error.message})
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _put(self, entry: Mapping[str, Any], caller: Caller) -> str:
        detail = _checked(entry, caller)
        arn = bus_arn(entry.get("EventBusName") or DEFAULT, caller)
        identifier = self._world.ids.uuid()
        document = _document(
            identifier, entry["DetailType"], entry["Source"], caller, _time(entry, self._world.clock.ms),
            entry.get("Resources") or (), detail,
        )  # fmt: skip
        bus = self._service.known_bus(arn)
        if bus is None:
            self._world.journal.record(caller.actor, "events.Lost", bus_name(arn), {"EventId": identifier})
            return identifier
        facts = {
            "events:source": entry["Source"],
            "events:detail-type": entry["DetailType"],
            "events:eventBusInvocation": "false",
        }
        if caller.source_arn:
            facts["aws:SourceArn"] = caller.source_arn
        if not access.allowed(bus, caller, facts):
            raise ServiceError(
                "AccessDeniedException",
                f"User: {caller.arn} is not authorized to perform: events:PutEvents on resource: {arn} "
                "because no resource-based policy allows the events:PutEvents action",
            )
        self._service.ingest(Event(document, arn, self._world.clock.ms))
        return identifier

    def emit(
        self,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Sequence[str] = (),
        account: str = "",
        region: str = "",
    ) -> str:
        """Put an event of an AWS service on the default bus of an account and region; answers its id.

        ``source`` like ``aws.s3``. The event is taken in at once; its targets get it as work on the agenda.
        """
        caller = self._world.caller(account, region, actor=source, service=source)
        bus = self._service.bus(DEFAULT, caller)
        identifier = self._world.ids.uuid()
        decoded = json.loads(json.dumps(detail))
        document = _document(
            identifier, detail_type, source, caller, self._world.clock.ms, resources, decoded
        )
        self._world.journal.record(
            source, "events.Emit", bus.name, {"detail-type": detail_type, "id": identifier}
        )
        self._service.ingest(Event(document, bus.arn, self._world.clock.ms))
        return identifier


def _checked(entry: Mapping[str, Any], caller: Caller) -> Any:
    """The decoded detail of an entry that AWS takes."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            raise ServiceError("InvalidArgument", message)
    try:
        detail = json.loads(entry["Detail"])
    except ValueError as error:
        raise ServiceError("MalformedDetail", "Detail is malformed.") from error
    if not isinstance(detail, dict):
        raise ServiceError("MalformedDetail", "Detail is malformed.")
    if entry["Source"].startswith("aws.") and not caller.service:
        raise ServiceError("NotAuthorizedForSourceException", "Not authorized for the source.")
    return detail


def _document(
    identifier: str, kind: str, source: str, caller: Caller, ms: int, resources: Sequence[str], detail: Any
) -> dict[str, Any]:
    return {
        "version": "0",
        "id": identifier,
        "detail-type": kind,
        "source": source,
        "account": caller.account,
        "time": iso(ms)[:-5] + "Z",
        "region": caller.region,
        "resources": list(resources),
        "detail": detail,
    }


def _time(entry: Mapping[str, Any], now_ms: int) -> int:
    given = entry.get("Time")
    if given is None:
        return now_ms
    if isinstance(given, datetime):
        return int(given.timestamp() * 1000)
    if isinstance(given, (int, float)):
        return int(given * 1000)
    return int(datetime.fromisoformat(str(given).replace("Z", "+00:00")).timestamp() * 1000)


def _shown(entry: Mapping[str, Any]) -> str:
    """An entry as the service's own messages write it."""
    names = ("Time", "Source", "Resources", "DetailType", "Detail", "EventBusName", "TraceHeader")
    texts = [f"{name[0].lower()}{name[1:]}={entry.get(name, 'null')}" for name in names]
    return f"PutEventsRequestEntry({', '.join(texts)}, kmsKeyIdentifier=null, internalMetadata=null)"


def _size(entry: Mapping[str, Any]) -> int:
    """Bytes of an entry as the user guide counts them ("Calculating PutEvents event entry size")."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or []
    return (14 if entry.get("Time") else 0) + sum(len(text.encode()) for text in texts)
