"""Asynchronous invocation: the internal queue, its retries, destinations and dead-letter queues.

Source: developer guide, "How Lambda handles errors and retries with asynchronous invocation": two
retries after one and two minutes; throttles are tried again from 1 second up to 5 minutes apart,
for up to six hours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.functions.model import LATEST, EventConfig, Function, Version
from stackproof.fabric.functions.policies import allows
from stackproof.fabric.service import Delivery, ServiceError, Undeliverable

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

MAX_AGE = 21_600
RETRIES = 2
_DELAYS = (60, 120)
_THROTTLE_CAP = 300


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted event. ``calls`` counts invocations, ``throttles`` refusals in a row."""

    id: str
    function: str
    qualifier: str
    payload: bytes
    actor: str
    accepted_ms: int
    calls: int = 0
    throttles: int = 0
    trace: str = ""


class Events:
    """``waiting`` holds accepted events by request id until they succeed or are given up."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._world = service.world
        self.waiting: dict[str, Event] = {}

    # Accepting.

    def accept(self, function: Function, qualifier: str, payload: bytes, actor: str, trace: str = "") -> str:
        """Put an event into the internal queue; answers its request id."""
        identifier = self._world.ids.uuid()
        event = Event(identifier, function.arn, qualifier, payload, actor, self._world.clock.ms, trace=trace)
        self.waiting[identifier] = event
        self._world.scheduler.soon(f"async {function.name} {identifier[:8]}", self._attempt, identifier)
        return identifier

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Take an event of another service."""
        parsed = arns.parse(arn)
        caller = self._world.caller(
            parsed.account if parsed else "",
            parsed.region if parsed else "",
            actor=arns.last(delivery.source),
        )
        try:
            function, what = self._service.find({"FunctionName": arn}, caller)
            self._service.resolve(function, what.qualifier)
        except ServiceError as error:
            done(Undeliverable.refused(error))
            return
        principal = delivery.principal
        # Lambda itself invokes a destination with the role of the function that ended.
        if principal not in ("", "lambda.amazonaws.com") and not allows(
            function, what.qualifier, principal, delivery.source, str(delivery.context.get("account", ""))
        ):
            reason = f"the policy of {arn} does not let {principal} in for {delivery.source}"
            done(Undeliverable(reason, code="AccessDeniedException"))
            return
        self.accept(function, what.qualifier, delivery.body.encode(), caller.actor, delivery.trace)
        done(None)

    # Trying.

    def _attempt(self, identifier: str) -> None:
        event = self.waiting.get(identifier)
        if event is None:
            return
        function = self._service.functions.get(event.function)
        if function is None:
            del self.waiting[identifier]
            return
        if self._age(event) > self._max_age(function, event):
            self._give_up(function, event, "EventAgeExceeded", None, None)
            return
        arn = f"{event.function}:{event.qualifier}" if event.qualifier else event.function
        try:
            version = self._service.resolve(function, event.qualifier)
            self._service.invoking.start(
                function, version, arn, event.payload, event.actor, self._ended,
                request_id=identifier, trace=event.trace,
            )  # fmt: skip
        except ServiceError as error:
            self._refused(function, event, error)
            return
        self.waiting[identifier] = replace(event, calls=event.calls + 1, throttles=0)

    def _refused(self, function: Function, event: Event, error: ServiceError) -> None:
        if error.code != "TooManyRequestsException":
            self._give_up(function, event, "RetriesExhausted", None, None)
            return
        if function.reserved == 0:
            self._give_up(function, event, "ZeroReservedConcurrency", None, None)
            return
        event = replace(event, throttles=event.throttles + 1)
        self.waiting[event.id] = event
        delay = min(2 ** (event.throttles - 1), _THROTTLE_CAP)
        self._world.journal.record("lambda", "lambda.Throttle", function.name, {"requestId": event.id})
        self._later(function, event, delay)

    def _later(self, function: Function, event: Event, seconds: float) -> None:
        label = f"retry of {function.name} {event.id[:8]}"
        self._world.scheduler.after(seconds, label, self._attempt, event.id)

    def _ended(self, invocation: Invocation, outcome: Outcome) -> None:
        event = self.waiting.get(invocation.request_id)
        function = self._service.functions.get(invocation.function.arn)
        if event is None or function is None:
            return
        if not outcome.error:
            del self.waiting[event.id]
            self._report(function, event, "OnSuccess", "Success", invocation.version, outcome)
            return
        config = self._config(function, event)
        retries = RETRIES if config is None or config.retries is None else config.retries
        if event.calls > retries:
            self._give_up(function, event, "RetriesExhausted", invocation.version, outcome)
            return
        delay = _DELAYS[min(event.calls, len(_DELAYS)) - 1]
        if self._age(event) + delay >= self._max_age(function, event):
            self._give_up(function, event, "EventAgeExceeded", invocation.version, outcome)
            return
        self._later(function, event, delay)

    def _age(self, event: Event) -> float:
        return (self._world.clock.ms - event.accepted_ms) / 1000

    @staticmethod
    def _config(function: Function, event: Event) -> EventConfig | None:
        return function.events.get(event.qualifier or LATEST)

    def _max_age(self, function: Function, event: Event) -> int:
        config = self._config(function, event)
        return MAX_AGE if config is None or config.max_age is None else config.max_age

    # Where events end.

    def _give_up(
        self,
        function: Function,
        event: Event,
        condition: str,
        version: Version | None,
        outcome: Outcome | None,
    ) -> None:
        del self.waiting[event.id]
        detail = {"requestId": event.id, "condition": condition, "calls": event.calls}
        self._world.journal.record("lambda", "lambda.GiveUp", function.name, detail)
        self._report(function, event, "OnFailure", condition, version, outcome)
        source = version or function.latest
        target = (source.config.get("DeadLetterConfig") or {}).get("TargetArn")
        if target:
            self._dead_letter(function, event, target, outcome)

    def _report(
        self,
        function: Function,
        event: Event,
        side: str,
        condition: str,
        version: Version | None,
        outcome: Outcome | None,
    ) -> None:
        config = self._config(function, event)
        target = ((config.destinations if config else {}).get(side) or {}).get("Destination")
        if not target:
            return
        record = _record(self._world.clock.iso(), event, condition, version, outcome)
        body = json.dumps(record)
        result = "Success" if side == "OnSuccess" else "Failure"
        context = {
            "detail-type": f"Lambda Function Invocation Result - {result}",
            "source": "lambda",
            "resources": [target, record["requestContext"]["functionArn"]],
        }
        self._send(function, target, Delivery(
            function.arn, body, principal="lambda.amazonaws.com", trace=event.trace, context=context,
        ), "DestinationDeliveryFailures")  # fmt: skip

    def _dead_letter(self, function: Function, event: Event, target: str, outcome: Outcome | None) -> None:
        attributes = {"RequestID": ("String", event.id), "ErrorCode": ("Number", "200" if outcome else "429")}
        if outcome is not None:
            message = json.loads(outcome.payload).get("errorMessage", "")
            attributes["ErrorMessage"] = ("String", message[:1024] or "-")
        else:
            attributes["ErrorMessage"] = ("String", "Rate Exceeded.")
        typed = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()}
        self._send(function, target, Delivery(
            function.arn, event.payload.decode(), principal="lambda.amazonaws.com", attributes=typed,
        ), "DeadLetterErrors")  # fmt: skip

    def _send(self, function: Function, target: str, delivery: Delivery, failure: str) -> None:
        world = self._world

        def done(error: Exception | None) -> None:
            if error is not None:
                detail = {"error": str(error)}
                world.journal.record(function.name, "lambda.DestinationFailed", arns.last(target), detail)
                world.meters.add(function.arn, failure)

        world.deliver(target, delivery, done)

    # Snapshots.

    def snapshot(self) -> Any:
        """What waits."""
        return dict(self.waiting)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self.waiting = dict(state)


def _record(
    timestamp: str, event: Event, condition: str, version: Version | None, outcome: Outcome | None
) -> dict[str, Any]:
    """What a destination gets (developer guide, "Capturing records of Lambda asynchronous invocations")."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": timestamp,
        "requestContext": {
            "requestId": event.id,
            "functionArn": f"{event.function}:{event.qualifier or LATEST}",
            "condition": condition,
            "approximateInvokeCount": event.calls,
        },
        "requestPayload": json.loads(event.payload),
    }
    if version is not None and outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": version.number}
        if outcome.error:
            context["functionError"] = outcome.error
        record["responseContext"] = context
        record["responsePayload"] = json.loads(outcome.payload)
    return record
