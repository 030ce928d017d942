"""A batch on its way through a pipe: enrichment, input templates, target.

Source: EventBridge user guide, "Amazon EventBridge Pipes targets" and "… batching and concurrency":
functions get the batch as one array, other targets one event each; what failed of a batch is named to the
source, which delivers it again. A function that is the target may name the failures itself
(``batchItemFailures``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric import arns, outlets
from stackproof.fabric.outlets import Parcel
from stackproof.fabric.pipes import templates
from stackproof.fabric.pipes.model import Pipe
from stackproof.fabric.service import Caller, ServiceError
from stackproof.fabric.tasks import current

if TYPE_CHECKING:
    from stackproof.fabric.world import World

PRINCIPAL = "pipes.amazonaws.com"


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of Lambda's event as pipes have it: Kinesis's part is not nested."""
    found = dict(record)
    inner = found.pop("kinesis", None)
    return {**inner, **found} if isinstance(inner, Mapping) else found


def identifier(record: Mapping[str, Any]) -> str:
    """What names a record to its source: the message's id, or the sequence number."""
    if "messageId" in record:
        return str(record["messageId"])
    return str((record.get("kinesis") or record.get("dynamodb") or {}).get("SequenceNumber") or
               (record.get("kinesis") or {}).get("sequenceNumber") or "")  # fmt: skip


class Running:
    """Runs batches; each call is made in a task of the pipe, as its role."""

    def __init__(self, world: World) -> None:
        self._world = world

    def identity(self, pipe: Pipe) -> Caller:
        """Who a pipe calls as."""
        return outlets.session(self._world, pipe.role, pipe.arn, PRINCIPAL)

    def run(self, pipe: Pipe, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Identifiers of the records that failed. Raises ServiceError when the whole batch did."""
        events: list[Any] = [flat(record) for record in records]
        names = [identifier(record) for record in records]
        if pipe.enrichment:
            events, same = self._enriched(pipe, events), len(events)
            if len(events) != same:
                names = []
        events = self._shaped(pipe, "TargetParameters", events)
        if not events:
            return []
        if ":lambda:" in pipe.target:
            return self._function(pipe, events)
        failed = [index for index, event in enumerate(events) if not self._sent(pipe, event)]
        if failed and len(names) != len(events):
            raise ServiceError("TargetFailure", "some events of an enriched batch were not delivered")
        return [names[index] for index in failed]

    def _shaped(self, pipe: Pipe, part: str, events: list[Any]) -> list[Any]:
        template = pipe.parameters(part).get("InputTemplate")
        if not template:
            return events
        now = self._world.clock.ms
        return [templates.applied(template, pipe, event, now) for event in events]

    # Enrichment.

    def _enriched(self, pipe: Pipe, events: list[Any]) -> list[Any]:
        """What the enrichment answers; an empty answer ends the batch here."""
        if ":lambda:" not in pipe.enrichment:
            raise CapabilityMissing(f"{pipe.name}: an enrichment by {pipe.enrichment} is not emulated")
        answer = self._invoked(pipe, pipe.enrichment, self._shaped(pipe, "EnrichmentParameters", events))
        if answer in (None, "", {}, []):
            return []
        return answer if isinstance(answer, list) else [answer]

    def _invoked(self, pipe: Pipe, function: str, events: list[Any]) -> Any:
        params = {"FunctionName": function, "Payload": json.dumps(events).encode()}
        answer = self._world.call("lambda", "Invoke", params, self.identity(pipe))
        payload = answer["Payload"]
        if answer.get("FunctionError"):
            raise ServiceError("FunctionError", payload.decode()[:1000])
        return json.loads(payload) if payload else None

    # Targets.

    def _function(self, pipe: Pipe, events: list[Any]) -> list[str]:
        settings = pipe.parameters("TargetParameters").get("LambdaFunctionParameters") or {}
        if settings.get("InvocationType") == "FIRE_AND_FORGET":
            params = {"FunctionName": pipe.target, "InvocationType": "Event",
                      "Payload": json.dumps(events).encode()}  # fmt: skip
            self._world.call("lambda", "Invoke", params, self.identity(pipe))
            return []
        answer = self._invoked(pipe, pipe.target, events)
        entries = answer.get("batchItemFailures") if isinstance(answer, dict) else None
        if not isinstance(entries, list):
            return []
        return [str(one.get("itemIdentifier")) for one in entries if isinstance(one, dict)]

    def _sent(self, pipe: Pipe, event: Any) -> bool:
        error = self._handed(self._parcel(pipe, event))
        if error is not None:
            name = arns.last(pipe.target)
            self._world.journal.record(pipe.name, "pipes.DeliveryFailed", name, None, f"error {error}")
        return error is None

    def _handed(self, parcel: Parcel) -> Exception | None:
        """Hand a parcel over and wait for how it went: an HTTP endpoint takes its time."""
        task, ended = current(), list[Exception | None]()

        def done(error: Exception | None) -> None:
            ended.append(error)
            if task is not None:
                self._world.scheduler.wake(task)

        outlets.send(self._world, parcel, done)
        while not ended:
            assert task is not None  # batches run in tasks
            self._world.scheduler.block(task, f"until {arns.last(parcel.to)} answers")
        return ended[0]

    def _parcel(self, pipe: Pipe, event: Any) -> Parcel:
        settings = pipe.parameters("TargetParameters")

        def part(name: str, key: str) -> str:
            return templates.dynamic((settings.get(name) or {}).get(key), event)

        bus = "EventBridgeEventBusParameters"
        resources = (settings.get(bus) or {}).get("Resources") or ()
        entry = {
            "DetailType": part(bus, "DetailType") or f"Event from aws:{pipe.kind}",
            "Source": part(bus, "Source") or f"Pipe {pipe.name}",
            "Resources": [templates.dynamic(one, event) for one in resources],
        }
        return Parcel(
            pipe.target, templates.text(event), pipe.arn, PRINCIPAL, pipe.role,
            group=part("SqsQueueParameters", "MessageGroupId"),
            deduplication=part("SqsQueueParameters", "MessageDeduplicationId"),
            partition=part("KinesisStreamParameters", "PartitionKey"),
            identifier=part("CloudWatchLogsParameters", "LogStreamName") or pipe.name,
            ms=self._world.clock.ms, entry=entry, http=_filled(settings.get("HttpParameters") or {}, event),
        )  # fmt: skip


def _filled(given: Any, event: Any) -> Any:
    """HttpParameters with what stands in the event where a value is a path."""
    if isinstance(given, Mapping):
        return {name: _filled(value, event) for name, value in given.items()}
    if isinstance(given, list):
        return [_filled(value, event) for value in given]
    return templates.dynamic(given, event)
