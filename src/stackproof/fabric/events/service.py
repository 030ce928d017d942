"""The service EventBridge: its buses, rules and archives, and its table of operations.

For other services of AWS: ``emit`` puts an event of theirs on the default bus; a delivery to a bus's ARN
(a destination of Lambda) becomes an event on that bus.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.events import errors
from stackproof.fabric.events.archives import Archives
from stackproof.fabric.events.buses import Buses
from stackproof.fabric.events.connections import Connections
from stackproof.fabric.events.destinations import ApiDestinations
from stackproof.fabric.events.model import DEFAULT, Bus, Event, Rule, bus_arn, bus_name, rule_arn
from stackproof.fabric.events.putting import Putting
from stackproof.fabric.events.requests import Requests
from stackproof.fabric.events.routing import Routing
from stackproof.fabric.events.rules import Rules
from stackproof.fabric.events.tags import Tags
from stackproof.fabric.events.targets import Targets
from stackproof.fabric.events.timetable import Timetable
from stackproof.fabric.service import Caller, Delivery, Operation, ServiceError, Undeliverable

if TYPE_CHECKING:
    from stackproof.fabric.world import World


class EventsService:
    """One instance serves all accounts and regions. ``buses`` and ``rules`` are kept by their ARN."""

    name = "events"

    def __init__(self, world: World) -> None:
        self.world = world
        self.buses: dict[str, Bus] = {}
        self.rules: dict[str, Rule] = {}
        self._by_bus: dict[str, dict[str, None]] = {}
        self.tags = Tags(self)
        self.routing = Routing(self)
        self.timetable = Timetable(self)
        self.archives = Archives(self)
        self.putting = Putting(self)
        self.connections = Connections(self)
        self.destinations = ApiDestinations(self)
        self.requests = Requests(self)
        self.emit = self.putting.emit
        parts: tuple[Any, ...] = (
            Buses(self), Rules(self), Targets(self), self.tags, self.archives, self.putting,
            self.connections, self.destinations,
        )  # fmt: skip
        operations: dict[str, Operation] = {}
        for part in parts:
            operations.update(part.operations)
        self.operations: Mapping[str, Operation] = operations
        world.receivers["events"] = self

    # Finding.

    def known_bus(self, arn: str) -> Bus | None:
        """The bus with an ARN; default buses are there as soon as somebody looks."""
        found = self.buses.get(arn)
        if found is None and arn.endswith(f":event-bus/{DEFAULT}"):
            now = self.world.clock.start_ms / 1000
            found = self.buses[arn] = Bus(DEFAULT, arn, now, now)
        return found

    def bus(self, name: str, caller: Caller) -> Bus:
        """The bus of a name or an ARN; raises ResourceNotFoundException."""
        found = self.known_bus(bus_arn(name, caller))
        if found is None:
            shown = bus_name(name) if name.startswith("arn:") else name
            raise errors.not_found(f"Event bus {shown} does not exist.")
        return found

    def rule(self, name: str, bus: str | None, caller: Caller) -> Rule:
        """A rule of a bus; raises ResourceNotFoundException."""
        on = self.bus(bus or DEFAULT, caller)
        found = self.rules.get(rule_arn(name, on.arn))
        if found is None:
            raise errors.not_found(f"Rule {name} does not exist on EventBus {on.name}.")
        return found

    def of_bus(self, arn: str) -> Iterator[Rule]:
        """The rules of a bus, oldest first."""
        return (self.rules[found] for found in tuple(self._by_bus.get(arn, ())))

    def put_rule(self, rule: Rule) -> None:
        """Keep a rule, new or changed."""
        self.rules[rule.arn] = rule
        self._by_bus.setdefault(rule.bus, {})[rule.arn] = None
        self.timetable.settle(rule)

    def drop_rule(self, rule: Rule) -> None:
        """Forget a rule."""
        self.rules.pop(rule.arn, None)
        self._by_bus.get(rule.bus, {}).pop(rule.arn, None)
        self.timetable.drop(rule.arn)
        self.tags.forget(rule.arn)

    # Events.

    def ingest(self, event: Event) -> None:
        """An event arrived at its bus."""
        self.routing.route(event)

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Put what another service sends to a bus: the body is the detail, ``context`` has the rest."""
        parsed = arns.parse(arn)
        account, region = (parsed.account, parsed.region) if parsed else ("", "")
        caller = self.world.caller(
            account, region, arn=delivery.principal, actor=arns.last(delivery.source),
            service=delivery.principal or "events.amazonaws.com", source_arn=delivery.source,
        )  # fmt: skip
        entry: dict[str, Any] = {
            "EventBusName": arn,
            "Source": delivery.context.get("source", "aws.events"),
            "DetailType": delivery.context.get("detail-type", "Event"),
            "Resources": list(delivery.context.get("resources", ())),
            "Detail": delivery.body if _is_object(delivery.body) else json.dumps({"body": delivery.body}),
        }
        if self.known_bus(arn) is None:
            done(Undeliverable(f"the event bus {arn} does not exist", code="ResourceNotFoundException"))
            return
        try:
            answer = self.world.call("events", "PutEvents", {"Entries": [entry]}, caller)
        except ServiceError as error:
            done(Undeliverable.refused(error))
            return
        failed = answer["Entries"][0]
        code = failed.get("ErrorCode", "")
        done(Undeliverable(failed["ErrorMessage"], code=code) if code else None)

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen: shallow copies do."""
        return (
            dict(self.buses),
            dict(self.rules),
            {bus: tuple(found) for bus, found in self._by_bus.items()},
            self.tags.snapshot(),
            self.timetable.snapshot(),
            self.archives.snapshot(),
            self.connections.snapshot(),
            self.destinations.snapshot(),
        )

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        buses, rules, by_bus, tags, timetable, archives, connections, destinations = state
        self.buses, self.rules = dict(buses), dict(rules)
        self._by_bus = {bus: dict.fromkeys(found) for bus, found in by_bus.items()}
        self.tags.restore(tags)
        self.timetable.restore(timetable)
        self.archives.restore(archives)
        self.connections.restore(connections)
        self.destinations.restore(destinations)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
