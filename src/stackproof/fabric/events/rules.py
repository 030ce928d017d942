"""Operations on rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import patterns, schedules
from stackproof.fabric.events import errors
from stackproof.fabric.events.model import DEFAULT, Rule, bus_name, rule_arn
from stackproof.fabric.events.pages import page
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

_NAME = re.compile(r"[.\-_A-Za-z0-9]+")
_STATES = ("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
MOST_RULES = 300
"""Rules of a bus (the default quota of most regions)."""
_LONGEST_PATTERN = 4096
_NEEDED = ("id", "account", "source", "time", "region", "resources", "detail-type")


class Rules:
    """A rule has a pattern, a schedule (only on the default bus), or both."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "PutRule": self.put,
            "DeleteRule": self.delete,
            "DescribeRule": self.describe,
            "ListRules": self.list,
            "EnableRule": self.enable,
            "DisableRule": self.disable,
            "TestEventPattern": self.test,
        }

    def put(self, params: Params, caller: Caller) -> Response:
        """Create or replace a rule; its targets stay."""
        name = params["Name"]
        if len(name) > 64:
            raise errors.constraint(name, "name", "Member must have length less than or equal to 64")
        if not _NAME.fullmatch(name):
            raise errors.constraint(
                name, "name", r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+"
            )
        bus = self._service.bus(params.get("EventBusName") or DEFAULT, caller)
        pattern, schedule = params.get("EventPattern") or "", params.get("ScheduleExpression") or ""
        if not pattern and not schedule:
            raise errors.validation("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        state = params.get("State") or "ENABLED"
        if state not in _STATES:
            raise errors.constraint(
                state, "state", f"Member must satisfy enum value set: [{', '.join(_STATES)}]"
            )
        parsed = parse_pattern(pattern) if pattern else {}
        if schedule:
            self._check_schedule(schedule, bus.name)
        arn = rule_arn(name, bus.arn)
        before = self._service.rules.get(arn)
        if before is None and sum(rule.bus == bus.arn for rule in self._service.rules.values()) >= MOST_RULES:
            raise errors.limit()
        if before is not None and before.managed_by and not caller.service:
            raise errors.managed(name)
        same = before is not None and before.schedule == schedule and before.enabled == (state != "DISABLED")
        since = before.since_ms if before is not None and same else self._service.world.clock.ms
        self._service.put_rule(Rule(
            name, arn, bus.arn, before.created_by if before else caller.account, since, state, pattern,
            parsed, schedule, params.get("Description") or "", params.get("RoleArn") or "",
            targets=before.targets if before else {},
        ))  # fmt: skip
        if before is None:
            self._service.tags.set(arn, params.get("Tags"))
        return {"RuleArn": arn}

    @staticmethod
    def _check_schedule(schedule: str, bus: str) -> None:
        if bus != DEFAULT:
            raise errors.validation("ScheduleExpression is supported only on the default event bus.")
        try:
            schedules.parse(schedule, kinds=("rate", "cron"))
        except schedules.InvalidSchedule as error:
            raise errors.validation("Parameter ScheduleExpression is not valid.") from error

    def delete(self, params: Params, caller: Caller) -> Response:
        """A rule goes when it has no targets; one that is not there is no error."""
        bus = self._service.bus(params.get("EventBusName") or DEFAULT, caller)
        rule = self._service.rules.get(rule_arn(params["Name"], bus.arn))
        if rule is None:
            return {}
        self._changeable(rule, params)
        if rule.targets:
            raise errors.validation("Rule can't be deleted since it has targets.")
        self._service.drop_rule(rule)
        return {}

    @staticmethod
    def _changeable(rule: Rule, params: Params) -> None:
        if rule.managed_by and not params.get("Force"):
            raise errors.managed(rule.name)

    def describe(self, params: Params, caller: Caller) -> Response:
        """One rule."""
        rule = self._service.rule(params["Name"], params.get("EventBusName"), caller)
        return {**_shown(rule), "CreatedBy": rule.created_by}

    def list(self, params: Params, caller: Caller) -> Response:
        """The rules of a bus, by name."""
        bus = self._service.bus(params.get("EventBusName") or DEFAULT, caller)
        prefix = params.get("NamePrefix") or ""
        found = sorted(
            (rule for rule in self._service.of_bus(bus.arn) if rule.name.startswith(prefix)),
            key=lambda rule: rule.name,
        )
        return page([_shown(rule) for rule in found], params, "Rules")

    def enable(self, params: Params, caller: Caller) -> Response:
        """Let it look at events; a schedule starts anew."""
        return self._switch(params, caller, "ENABLED")

    def disable(self, params: Params, caller: Caller) -> Response:
        """Let it rest."""
        return self._switch(params, caller, "DISABLED")

    def _switch(self, params: Params, caller: Caller, state: str) -> Response:
        rule = self._service.rule(params["Name"], params.get("EventBusName"), caller)
        self._changeable(rule, params)
        if rule.enabled != (state == "ENABLED"):
            self._service.put_rule(replace(rule, state=state, since_ms=self._service.world.clock.ms))
        return {}

    def test(self, params: Params, caller: Caller) -> Response:
        """Whether a pattern matches an event; the event needs what every event has."""
        pattern = parse_pattern(params["EventPattern"])
        try:
            event = json.loads(params["Event"])
        except ValueError as error:
            raise errors.validation("Parameter Event is not valid.") from error
        if not isinstance(event, dict):
            raise errors.validation("Parameter Event is not valid.")
        missing = next((name for name in _NEEDED if name not in event), None)
        if missing is not None:
            raise errors.validation(
                f"Parameter Event is not valid. Reason: {missing} is a required argument."
            )
        return {"Result": patterns.matches(pattern, event)}


def parse_pattern(text: str) -> dict[str, Any]:
    """A decoded and checked pattern. Raises InvalidEventPatternException."""
    if len(text) > _LONGEST_PATTERN:
        raise errors.bad_pattern(f"Event pattern is larger than {_LONGEST_PATTERN} characters")
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise errors.bad_pattern(f"{error}") from error
    try:
        patterns.check(pattern)
    except patterns.InvalidPattern as error:
        # AWS says where by line and column of its own parser, which nobody should read.
        raise errors.bad_pattern(error.reason) from error
    return dict(pattern)


def _shown(rule: Rule) -> dict[str, Any]:
    optional = {
        "EventPattern": rule.pattern, "ScheduleExpression": rule.schedule, "Description": rule.description,
        "RoleArn": rule.role, "ManagedBy": rule.managed_by,
    }  # fmt: skip
    shown = {"Name": rule.name, "Arn": rule.arn, "State": rule.state, "EventBusName": bus_name(rule.bus)}
    return {**shown, **{name: value for name, value in optional.items() if value}}
