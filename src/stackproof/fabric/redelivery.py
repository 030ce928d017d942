"""Retries of EventBridge (rules and schedules), and the dead-letter queues behind them.

Source: EventBridge user guide, "How EventBridge retries delivering events": by default for 24 hours and up to
185 times, with an exponential back-off and jitter. AWS does not publish the pauses; here they double from one
second to eight minutes, so that 185 retries take just under 24 hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.service import Caller, ServiceError
from stackproof.fabric.sqs import guests

if TYPE_CHECKING:
    from stackproof.fabric.world import World

ATTEMPTS = 185
AGE = 86_400
_LONGEST = 480


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long (seconds) a target is tried again."""

    attempts: int = ATTEMPTS
    age: int = AGE

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Policy:
        """The policy of a ``RetryPolicy`` member."""
        given = settings or {}
        attempts, age = given.get("MaximumRetryAttempts"), given.get("MaximumEventAgeInSeconds")
        return cls(ATTEMPTS if attempts is None else attempts, AGE if age is None else age)

    def exhausted(self, retries: int, waited: float) -> str:
        """Why a target is not tried again after ``retries`` retries and ``waited`` seconds, "" when it is."""
        if retries >= self.attempts:
            return "MaximumRetryAttempts"
        return "MaximumEventAgeInSeconds" if waited >= self.age else ""


def pause(world: World, label: str, retries: int) -> float:
    """Seconds before the next retry; the jitter is a choice point."""
    longest = float(min(2**retries, _LONGEST)) if retries < 16 else float(_LONGEST)
    names = ["full pause", "half a pause", "short pause"]
    return world.scheduler.choose(f"jitter of {label}", [longest, longest / 2, longest / 10], names)


def bury(world: World, queue: str, body: str, facts: Mapping[str, str], caller: Caller) -> None:
    """Send what could not be delivered to a dead-letter queue; ``facts`` become message attributes.

    Where that fails the event is lost; the journal has it.
    """
    attributes = {
        name: {"DataType": "String", "StringValue": value[:1024]} for name, value in facts.items() if value
    }
    world.journal.record(caller.actor, "events.Bury", arns.last(queue), dict(facts))
    found = world.service("sqs").queue(queue)
    problem = "" if found is not None else "the dead-letter queue does not exist"
    if found is not None and caller.service:
        problem = guests.closed(found, caller.service, caller.source_arn)
    if found is not None and not problem:
        params = {"QueueUrl": found.url, "MessageBody": body, "MessageAttributes": attributes}
        try:
            world.call("sqs", "SendMessage", params, caller)
        except ServiceError as error:
            problem = error.message
    if problem:
        world.journal.record(
            caller.actor, "events.EventLost", arns.last(queue), dict(facts), f"error {problem}"
        )
