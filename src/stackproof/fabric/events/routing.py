"""From a bus to the targets of its rules: matching, sending, retries, dead-letter queues.

Each target gets its event as separate work on the agenda (AWS promises no order). An event that came over
another bus goes no further than the one it was sent to: EventBridge does not route to a third bus (user
guide, "Sending and receiving events between event buses").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns, outlets, patterns, redelivery
from stackproof.fabric.events import access, inputs, paths
from stackproof.fabric.events.model import Event, Rule, bus_name, compact
from stackproof.fabric.outlets import Parcel
from stackproof.fabric.service import Undeliverable

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

PRINCIPAL = "events.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An event for one target of a rule. ``retries`` were made since ``first_ms``."""

    rule: str
    target: str
    event: Event
    first_ms: int
    retries: int = 0


class Routing:
    """See the module's text."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._world = service.world

    def route(self, event: Event) -> None:
        """Send an event to the targets of every rule that it matches."""
        for rule in self._service.of_bus(event.bus):
            if not rule.enabled or not rule.pattern or (event.rules and rule.arn not in event.rules):
                continue
            if rule.managed_by and event.rules:
                continue
            if patterns.matches(rule.parsed, event.document):
                self.fire(rule, event)

    def fire(self, rule: Rule, event: Event) -> None:
        """Send an event to all targets of a rule."""
        self._world.journal.record(bus_name(rule.bus), "events.Match", rule.name, {"id": event.id})
        self._world.meters.add(rule.arn, "MatchedEvents")
        self._world.meters.add(rule.arn, "TriggeredRules")
        for name in rule.targets:
            attempt = Attempt(rule.arn, name, event, self._world.clock.ms)
            self._world.scheduler.soon(f"{rule.name} to {name}", self.send, attempt)

    def send(self, attempt: Attempt) -> None:
        """One attempt. A rule or target that is gone meanwhile gets nothing more."""
        rule = self._service.rules.get(attempt.rule)
        target = rule.targets.get(attempt.target) if rule is not None else None
        if rule is None or target is None:
            return

        def done(error: Exception | None) -> None:
            if error is not None:
                self._failed(attempt, rule, target, error)

        if rule.managed_by:
            self._service.archives.keep(rule, attempt.event)
            return
        self._world.meters.add(rule.arn, "Invocations")
        parsed = arns.parse(target["Arn"])
        if parsed is not None and parsed.service == "events" and parsed.resource.startswith("event-bus/"):
            done(self._forward(rule, target, attempt.event))
            return
        try:
            body = inputs.made(target, rule, attempt.event)
        except inputs.InvalidInput as error:
            done(Undeliverable(str(error), code="INVALID_JSON"))
            return
        outlets.send(self._world, _parcel(rule, target, attempt.event, body), done)

    def _forward(self, rule: Rule, target: Mapping[str, Any], event: Event) -> Undeliverable | None:
        """To another bus: the event stays what it is."""
        arn = str(target["Arn"])
        if event.passed:
            account = arns.parse(event.bus)
            other = arns.parse(arn)
            hop = (
                "THIRD_REGION" if account and other and account.account == other.account else "THIRD_ACCOUNT"
            )
            return Undeliverable(
                f"events are not routed to a third event bus: {arn}", code=f"{hop}_HOP_DETECTED"
            )
        bus = self._service.known_bus(arn)
        if bus is None:
            return Undeliverable(f"Event bus {bus_name(arn)} does not exist.", code="NO_RESOURCE")
        caller = outlets.session(self._world, str(target.get("RoleArn") or ""), rule.arn, PRINCIPAL)
        facts = {
            "events:source": str(event.document["source"]), "events:eventBusInvocation": "true",
            "events:detail-type": str(event.document["detail-type"]), "aws:SourceArn": rule.arn,
        }  # fmt: skip
        if not access.allowed(bus, caller, facts):
            return Undeliverable(
                f"the policy of {arn} does not let {caller.arn} put events", code="NO_PERMISSIONS"
            )
        self._world.journal.record(rule.name, "events.Forward", bus.name, {"id": event.id})
        self._service.ingest(
            replace(
                event, bus=arn, passed=(*event.passed, event.bus), ingested_ms=self._world.clock.ms, rules=()
            )
        )
        return None

    # What fails.

    def _failed(self, attempt: Attempt, rule: Rule, target: Mapping[str, Any], error: Exception) -> None:
        world = self._world
        name = arns.last(target["Arn"])
        reason = error.reason if isinstance(error, Undeliverable) else str(error)
        detail = {"id": attempt.event.id, "Attempt": attempt.retries + 1}
        world.journal.record(rule.name, "events.DeliveryFailed", name, detail, f"error {reason}")
        condition = ""
        if getattr(error, "retry", False):
            policy = redelivery.Policy.of(target.get("RetryPolicy"))
            waited = (world.clock.ms - attempt.first_ms) / 1000
            label = f"{rule.name} to {name}"
            pause = max(redelivery.pause(world, label, attempt.retries), getattr(error, "after", 0.0))
            condition = policy.exhausted(attempt.retries, waited)
            if not condition and waited + pause >= policy.age:
                condition = "MaximumEventAgeInSeconds"
            if not condition:
                again = replace(attempt, retries=attempt.retries + 1)
                world.scheduler.after(pause, f"{label}: retry {again.retries}", self.send, again)
                return
        self._give_up(attempt, rule, target, error, condition)

    def _give_up(
        self, attempt: Attempt, rule: Rule, target: Mapping[str, Any], error: Exception, condition: str
    ) -> None:
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        name = arns.last(target["Arn"])
        self._world.meters.add(rule.arn, "FailedInvocations")
        if not queue:
            self._world.journal.record(rule.name, "events.EventLost", name, {"id": attempt.event.id})
            return
        facts = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": outlets.error_code(error),
            "ERROR_MESSAGE": error.reason if isinstance(error, Undeliverable) else str(error),
        }
        if condition:
            facts["EXHAUSTED_RETRY_CONDITION"] = condition
            facts["RETRY_ATTEMPTS"] = str(attempt.retries)

        caller = outlets.session(self._world, "", rule.arn, PRINCIPAL)
        redelivery.bury(self._world, queue, attempt.event.text, facts, caller)


def _parcel(rule: Rule, target: Mapping[str, Any], event: Event, body: str) -> Parcel:
    path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath")
    found = paths.find(path, event.document) if path else paths.MISSING
    partition = event.id if found is paths.MISSING else found if isinstance(found, str) else str(found)
    return Parcel(
        target["Arn"], body, rule.arn, PRINCIPAL, str(target.get("RoleArn") or ""),
        group=(target.get("SqsParameters") or {}).get("MessageGroupId") or "", partition=partition,
        identifier=event.id, ms=event.ingested_ms, http=_filled(target.get("HttpParameters") or {}, event),
    )  # fmt: skip


def _filled(given: Any, event: Event) -> Any:
    """HttpParameters with what stands in the event where a value is a path (``$.detail.id``)."""
    if isinstance(given, Mapping):
        return {name: _filled(value, event) for name, value in given.items()}
    if isinstance(given, list):
        return [_filled(value, event) for value in given]
    if not isinstance(given, str) or not given.startswith("$."):
        return given
    found = paths.find(given, event.document)
    return "" if found is paths.MISSING else found if isinstance(found, str) else compact(found)
