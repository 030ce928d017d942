"""Rules with a schedule, on the virtual clock.

Source: EventBridge user guide, "Creating a scheduled rule (legacy)": in UTC, to the minute; a rate begins
when the rule is created or enabled. The timers do not drive: a schedule never keeps a world from being idle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stackproof.fabric import schedules
from stackproof.fabric.clock import iso
from stackproof.fabric.events.model import Event, Rule
from stackproof.fabric.scheduler import Timer

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService


class Timetable:
    """One timer a rule."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._world = service.world
        self._timers: dict[str, Timer] = {}

    def settle(self, rule: Rule) -> None:
        """After a change of a rule: keep its timer right."""
        self.drop(rule.arn)
        if rule.schedule and rule.enabled:
            self._arm(rule)

    def drop(self, arn: str) -> None:
        """No more events of a rule."""
        timer = self._timers.pop(arn, None)
        if timer is not None:
            timer.cancel()

    def _arm(self, rule: Rule) -> None:
        schedule = schedules.parse(rule.schedule, kinds=("rate", "cron"))
        when = schedule.next(self._world.clock.ms, rule.since_ms)
        if when is not None:
            label = f"schedule of {rule.name}"
            self._timers[rule.arn] = self._world.scheduler.at(
                when, label, self._due, rule.arn, when, drives=False
            )

    def _due(self, arn: str, ms: int) -> None:
        self._timers.pop(arn, None)
        rule = self._service.rules.get(arn)
        if rule is None or not rule.schedule or not rule.enabled:
            return
        self._service.routing.fire(rule, self._event(rule, ms))
        self._arm(rule)

    def _event(self, rule: Rule, ms: int) -> Event:
        _, _, _, region, account, _ = rule.arn.split(":", 5)
        document = {
            "version": "0",
            "id": self._world.ids.uuid(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": account,
            "time": iso(ms)[:-5] + "Z",
            "region": region,
            "resources": [rule.arn],
            "detail": {},
        }
        return Event(document, rule.bus, self._world.clock.ms)

    def snapshot(self) -> Any:
        """The timers stand on the agenda, whose snapshot has them too."""
        return dict(self._timers)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._timers = dict(state)
