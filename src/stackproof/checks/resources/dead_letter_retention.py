"""Messages of a standard queue keep their age when they become dead letters."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.values import holds, number, unknowns_of
from stackproof.checks.resources.wiring import dead_letter_targets

_DEFAULT = 345_600
"""Seconds that a queue keeps messages when nothing is said (four days)."""


def _examine(stack: Stack) -> Iterator[Hit]:
    for queue, dead in dead_letter_targets(stack):
        kept, expected = dead.get("MessageRetentionPeriod"), queue.get("MessageRetentionPeriod")
        kept = _DEFAULT if kept is None else kept
        expected = _DEFAULT if expected is None else expected
        if kept == expected:
            continue
        answer = holds(lambda dead, source: (number(dead) or 0) >= (number(source) or 0), kept, expected)
        path = dead.at("MessageRetentionPeriod")
        if answer is None:
            message = f"Whether dead letters of {queue.id} are kept as long as its messages is not known"
            yield Hit(path, message, (queue.id,), unknowns_of(kept, expected))
        elif answer is False:
            message = (
                f"Dead letters of {queue.id} are kept for a shorter time than its messages: they may be gone "
                f"before anybody looks; set MessageRetentionPeriod to that of {queue.id} or to 1209600"
            )
            yield Hit(path, message, (queue.id,))


RULE = Rule(
    describe(
        "DLQ-RETENTION",
        "A dead-letter queue keeps messages at least as long as its source",
        why="A message keeps its first timestamp when it moves: in a dead-letter queue with a "
        "shorter retention "
        "it may expire at once.",
        fix="Set MessageRetentionPeriod of the dead-letter queue to 1209600 (14 days).",
        source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
        "sqs-dead-letter-queues.html",
    ),
    _examine,
)
