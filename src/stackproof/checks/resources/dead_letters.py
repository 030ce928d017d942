"""A queue that a function reads needs a place for what the function cannot handle."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.wiring import QUEUE, dead_letter_targets, mappings
from stackproof.model import Severity


def _examine(stack: Stack) -> Iterator[Hit]:
    dead = {target.id for _, target in dead_letter_targets(stack)}
    seen: set[str] = set()
    for mapping, queue, _ in mappings(stack, QUEUE):
        if queue.id in dead or queue.id in seen or queue.get("RedrivePolicy") is not None:
            continue
        seen.add(queue.id)
        message = (
            "A message that its function cannot handle comes back until it expires, and is lost then: "
            "add a RedrivePolicy with a dead-letter queue"
        )
        yield Hit(queue.at("RedrivePolicy"), message, (mapping.id,))


RULE = Rule(
    describe(
        "DEAD-LETTERS",
        "A queue that a function reads has a dead-letter queue",
        why="One message that always fails is delivered again and again, costs money and hides others.",
        fix="Add RedrivePolicy with deadLetterTargetArn and maxReceiveCount 5.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
        severity=Severity.WARNING,
    ),
    _examine,
)
