"""The service CloudWatch: its parts, its table of operations, and the clock of its alarms.

While there is an alarm, one timer looks at all of them at the end of each minute (of each ten seconds
when one has a shorter period). It does not drive ``run_until_idle``: alarms change when ``advance`` lets
time pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.cloudwatch import rules
from stackproof.fabric.cloudwatch.actions import Actions, detail
from stackproof.fabric.cloudwatch.alarm import ALARM, COMPOSITE, METRIC, OK, Alarm, stamp
from stackproof.fabric.cloudwatch.alarms import Alarms
from stackproof.fabric.cloudwatch.data import Store
from stackproof.fabric.cloudwatch.evaluation import judge, resting
from stackproof.fabric.cloudwatch.putting import Putting
from stackproof.fabric.cloudwatch.reading import Reading
from stackproof.fabric.cloudwatch.sources import Sources
from stackproof.fabric.scheduler import Timer
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_MINUTE, _SHORT = 60_000, 10_000
_HOUR_S, _DAY_S = 3600, 86_400


class CloudWatchService:
    """``put`` takes data of other services, ``alarms.table`` holds the alarms, ``history`` what they did."""

    name = "cloudwatch"

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = Store()
        self.history: list[tuple[int, str, str, str, str, str, str, str]] = []
        self.sources = Sources(world)
        self.putting = Putting(self)
        self.reading = Reading(self)
        self.actions = Actions(self)
        self.alarms = Alarms(self)
        self._timer: Timer | None = None
        self.operations: Mapping[str, Operation] = {
            **self.putting.operations,
            **self.reading.operations,
            **self.alarms.operations,
        }

    def behind(self, operation: str, params: Params, caller: Caller) -> Response:
        """What the state behind answers."""
        state = self.world.state
        if state is None:
            raise ServiceError("NotImplemented", f"cloudwatch.{operation} is not emulated", status=501)
        return state.call("cloudwatch", operation, params, caller)

    # The clock.

    def watch(self) -> None:
        """Keep the timer right: there are alarms, or none."""
        shortest = min((alarm.period for alarm in self.alarms.table.values()), default=0)
        if not shortest:
            return
        step = _SHORT if shortest < 60 else _MINUTE
        when = (self.world.clock.ms // step + 1) * step
        if self._timer is not None and not self._timer.cancelled:
            if self.world.clock.ms < self._timer.ms <= when:
                return
            self._timer.cancel()
        self._timer = self.world.scheduler.at(when, "evaluation of alarms", self._evaluate, drives=False)

    def _evaluate(self) -> None:
        self._timer = None
        now = self.world.clock.ms
        for alarm in list(self.alarms.table.values()):
            if alarm.kind == METRIC and self._due(alarm, now):
                self._judge(alarm, now)
        self.compose()
        self.watch()

    @staticmethod
    def _due(alarm: Alarm, now: int) -> bool:
        """Each minute; each ten seconds for short periods, each hour for a look back over a day."""
        if alarm.period * alarm.needed[1] > _DAY_S:
            return now % (_HOUR_S * 1000) == 0
        return now % (_SHORT if alarm.period < 60 else _MINUTE) == 0

    def _judge(self, alarm: Alarm, now: int) -> None:
        rest = resting(alarm, self.sources, now)
        if rest is not None and rest == alarm.resting:
            self.actions.repeat(alarm)
            return
        alarm.resting = rest
        caller = self.world.caller(alarm.account, alarm.region, actor="cloudwatch")
        found = judge(alarm, self.reading, caller, now)
        if found.state is not None and found.state != alarm.state:
            self.turn(alarm, found.state, found.reason, found.data)
            return
        if found.state is not None:
            alarm.reason, alarm.data = found.reason, found.data
        self.actions.repeat(alarm)

    def turn(self, alarm: Alarm, state: str, reason: str, data: str = "") -> None:
        """Bring an alarm into a state; a change is journalled, told to the bus, and acted on."""
        before, alarm.state, alarm.resting = alarm.state, state, None
        old = {"stateValue": before, "stateReason": alarm.reason}
        alarm.reason, alarm.data = reason, data
        alarm.updated_ms = self.world.clock.ms
        if before == state:
            return
        alarm.changed_ms = alarm.updated_ms
        self.world.journal.record(
            "cloudwatch", f"cloudwatch.{state}", alarm.name, {"reason": reason, "before": before}
        )
        new = {"stateValue": state, "stateReason": reason}
        summary = f"Alarm updated from {before} to {state}"
        self.alarms.record(
            alarm, "StateUpdate", summary, {"version": "1.0", "oldState": old, "newState": new}
        )
        self._emit(alarm, before)
        if alarm.enabled and not self._suppressed(alarm):
            self.actions.run(alarm, before)

    def _emit(self, alarm: Alarm, before: str) -> None:
        """The event of a change of state, on the default bus."""
        from stackproof.fabric import registry

        if "events" in registry.names():
            self.world.service("events").emit(
                "aws.cloudwatch", "CloudWatch Alarm State Change", detail(alarm, before),
                resources=[alarm.arn], account=alarm.account, region=alarm.region,
            )  # fmt: skip

    def _suppressed(self, alarm: Alarm) -> bool:
        """Whether a composite alarm's suppressor is in alarm."""
        name = alarm.settings.get("ActionsSuppressor")
        if not name:
            return False
        found = self.alarms.find(str(name), self.world.caller(alarm.account, alarm.region))
        return found is not None and found.state == ALARM

    def compose(self) -> None:
        """Judge the composite alarms until none changes; one round per alarm is enough without a cycle."""
        composite = [alarm for alarm in self.alarms.table.values() if alarm.kind == COMPOSITE]
        for _ in composite:
            changed = False
            for alarm in composite:
                changed = self._compose(alarm) or changed
            if not changed:
                return

    def _compose(self, alarm: Alarm) -> bool:
        rule = rules.parse(alarm.settings["AlarmRule"])
        caller = self.world.caller(alarm.account, alarm.region)

        def state(name: str) -> str:
            found = self.alarms.find(name, caller)
            return found.state if found is not None else ""

        wanted = ALARM if rule.holds(state) else OK
        if wanted == alarm.state:
            return False
        names = ", ".join(f"{name} is {state(name)}" for name in rule.names)
        self.turn(
            alarm, wanted, f"{alarm.arn} transitioned to {wanted} at {stamp(self.world.clock.ms)}: {names}"
        )
        return True

    # Snapshots.

    def snapshot(self) -> Any:
        """Copies of data and alarms."""
        return (
            self.store.snapshot(),
            {key: alarm.clone() for key, alarm in self.alarms.table.items()},
            tuple(self.history),
            self._timer,
            dict(self.actions.scaling.moved),
        )

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        data, alarms, history, self._timer, moved = state
        self.store.restore(data)
        self.alarms.table = {key: alarm.clone() for key, alarm in alarms.items()}
        self.history = list(history)
        self.actions.scaling.moved = dict(moved)
