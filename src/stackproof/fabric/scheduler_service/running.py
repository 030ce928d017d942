"""Schedules on the virtual clock: when they are due, what they call, retries, dead-letter queues, the end.

Sources: Scheduler user guide, "Schedule types", "Configuring flexible time windows", "Configuring a
dead-letter queue", "Adding context attributes". The timers do not drive: a schedule never keeps a world
from being idle; an invocation that waits for its window or its retry does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns, outlets, redelivery
from stackproof.fabric.clock import iso
from stackproof.fabric.events.model import compact
from stackproof.fabric.scheduler import Timer
from stackproof.fabric.scheduler_service import targets
from stackproof.fabric.scheduler_service.model import Schedule
from stackproof.fabric.service import Undeliverable

if TYPE_CHECKING:
    from stackproof.fabric.scheduler_service.service import SchedulerService


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation of a target. ``retries`` were made since ``first_ms``; ``last``: the schedule ends
    with it.
    """

    schedule: Schedule
    id: str
    scheduled_ms: int
    first_ms: int
    last: bool
    retries: int = 0


class Running:
    """One timer a schedule."""

    def __init__(self, service: SchedulerService) -> None:
        self._service = service
        self._world = service.world
        self._timers: dict[str, Timer] = {}

    def settle(self, schedule: Schedule) -> None:
        """A new or changed schedule."""
        self.drop(schedule.arn)
        now = self._world.clock.ms
        self._arm(schedule, now - 1 if schedule.parsed.kind == "rate" else now)

    def drop(self, arn: str) -> None:
        """The schedule calls nothing any more."""
        timer = self._timers.pop(arn, None)
        if timer is not None:
            timer.cancel()

    def _arm(self, schedule: Schedule, after_ms: int) -> None:
        due = schedule.next(after_ms) if schedule.enabled else None
        if due is not None:
            label = f"schedule {schedule.name}"
            self._timers[schedule.arn] = self._world.scheduler.at(
                due, label, self._due, schedule.arn, due, drives=False
            )

    def _due(self, arn: str, ms: int) -> None:
        self._timers.pop(arn, None)
        schedule = self._service.schedules.get(arn)
        if schedule is None or not schedule.enabled:
            return
        self._arm(schedule, ms)
        run = Run(schedule, self._world.ids.uuid(), ms, self._world.clock.ms, arn not in self._timers)
        delay = self._delay(schedule)
        if delay:
            self._world.scheduler.after(delay, f"{schedule.name} within its window", self._call, run)
        else:
            self._call(run)

    def _delay(self, schedule: Schedule) -> float:
        """Seconds after the due time, anywhere in the flexible window."""
        seconds = schedule.window * 60.0
        names = ["at once", "within the window", "at the end of the window"]
        return self._world.scheduler.choose(
            f"window of {schedule.name}", [0.0, seconds / 2, seconds - 1] if seconds else [0.0], names
        )

    def _call(self, run: Run) -> None:
        schedule = run.schedule

        def done(error: Exception | None) -> None:
            if error is None:
                self._over(run)
            else:
                self._failed(run, error)

        detail = {"ExecutionId": run.id, "ScheduledTime": iso(run.scheduled_ms), "Attempt": run.retries + 1}
        name = arns.last(schedule.target["Arn"])
        self._world.journal.record(schedule.name, "scheduler.Invoke", name, detail)
        targets.send(self._world, schedule.arn, schedule.target, self._body(run), done)

    def _body(self, run: Run) -> str:
        """The input with its context attributes; without an input what Scheduler makes up."""
        text = run.schedule.target.get("Input")
        moment = iso(run.scheduled_ms)[:-5] + "Z"
        if text is None:
            return "{}" if targets.universal(run.schedule.target["Arn"]) else self._notice(run, moment)
        facts = {
            "schedule-arn": run.schedule.arn, "scheduled-time": moment, "execution-id": run.id,
            "attempt-number": str(run.retries + 1),
        }  # fmt: skip
        for name, value in facts.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return str(text)

    def _notice(self, run: Run, moment: str) -> str:
        _, _, _, region, account, _ = run.schedule.arn.split(":", 5)
        return compact(
            {
                "version": "0", "id": run.id, "detail-type": "Scheduled Event", "source": "aws.scheduler",
                "account": account, "time": moment, "region": region, "resources": [run.schedule.arn],
                "detail": "{}",
            }
        )  # fmt: skip

    def _failed(self, run: Run, error: Exception) -> None:
        world, schedule = self._world, run.schedule
        reason = error.reason if isinstance(error, Undeliverable) else str(error)
        name = arns.last(schedule.target["Arn"])
        detail = {"ExecutionId": run.id, "Attempt": run.retries + 1}
        world.journal.record(schedule.name, "scheduler.InvocationFailed", name, detail, f"error {reason}")
        condition = ""
        if getattr(error, "retry", False):
            policy = redelivery.Policy.of(schedule.target.get("RetryPolicy"))
            waited = (world.clock.ms - run.first_ms) / 1000
            pause = redelivery.pause(world, schedule.name, run.retries)
            condition = policy.exhausted(run.retries, waited + pause)
            if not condition:
                again = replace(run, retries=run.retries + 1)
                world.scheduler.after(pause, f"{schedule.name}: retry {again.retries}", self._call, again)
                return
        self._bury(run, error, reason, condition)
        self._over(run)

    def _bury(self, run: Run, error: Exception, reason: str, condition: str) -> None:
        target = run.schedule.target
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            detail = {"ExecutionId": run.id}
            self._world.journal.record(
                run.schedule.name, "scheduler.InvocationLost", arns.last(target["Arn"]), detail
            )
            return
        code = error.code if isinstance(error, Undeliverable) and error.code else "InternalFailure"
        facts: dict[str, Any] = {
            "SCHEDULE_ARN": run.schedule.arn, "TARGET_ARN": target["Arn"], "EXECUTION_ID": run.id,
            "SCHEDULED_TIME": iso(run.scheduled_ms)[:-5] + "Z", "ERROR_CODE": code, "ERROR_MESSAGE": reason,
            "RETRY_ATTEMPTS": str(run.retries), "EXHAUSTED_RETRY_CONDITION": condition,
            "IS_PAYLOAD_TRUNCATED": "false",
        }  # fmt: skip
        caller = outlets.session(
            self._world, str(target.get("RoleArn") or ""), run.schedule.arn, targets.PRINCIPAL
        )
        redelivery.bury(self._world, queue, self._body(run), facts, caller)

    def _over(self, run: Run) -> None:
        """After the last invocation a schedule may delete itself."""
        current = self._service.schedules.get(run.schedule.arn)
        if run.last and current is run.schedule and current.given.get("ActionAfterCompletion") == "DELETE":
            self._world.journal.record(current.name, "scheduler.DeleteSchedule", current.name)
            self._service.forget(current)

    def snapshot(self) -> Any:
        """The timers stand on the agenda, whose snapshot has them too."""
        return dict(self._timers)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._timers = dict(state)
