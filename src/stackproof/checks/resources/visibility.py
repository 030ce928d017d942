"""A message must stay hidden while its function works on it, and through the poller's retries."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.values import holds, number, unknowns_of
from stackproof.checks.resources.wiring import QUEUE, mappings

_DEFAULT_VISIBILITY = 30
_DEFAULT_TIMEOUT = 3
_FACTOR = 6


def _examine(stack: Stack) -> Iterator[Hit]:
    for mapping, queue, function in mappings(stack, QUEUE):
        if function is None:
            continue
        visibility, timeout = queue.get("VisibilityTimeout"), function.get("Timeout")
        visibility = _DEFAULT_VISIBILITY if visibility is None else visibility
        timeout = _DEFAULT_TIMEOUT if timeout is None else timeout
        answer = holds(
            lambda hidden, work: (number(hidden) or 0) >= _FACTOR * (number(work) or 0), visibility, timeout
        )
        if answer is True:
            continue
        related = (function.id, mapping.id)
        if answer is None:
            message = (
                f"Whether the queue's visibility timeout is six times the timeout of "
                f"{function.id} is not known"
            )
            yield Hit(queue.at("VisibilityTimeout"), message, related, unknowns_of(visibility, timeout))
            continue
        message = (
            f"The visibility timeout of {visibility} s is less than six times the timeout of {function.id} "
            f"({timeout} s): a slow message is delivered again while it is worked on; "
            f"set VisibilityTimeout to {_FACTOR * int(number(timeout) or 0)} or more"
            if not unknowns_of(visibility, timeout)
            else f"The visibility timeout is less than six times the timeout of {function.id}"
        )
        yield Hit(queue.at("VisibilityTimeout"), message, related)


RULE = Rule(
    describe(
        "VISIBILITY",
        "The visibility timeout is at least six times the function's timeout",
        why="When a batch is throttled or fails, Lambda tries it again; a shorter timeout shows "
        "messages to a "
        "second reader while the first still works, and uses up their receive count.",
        fix="Set VisibilityTimeout of the queue to six times the function's Timeout, or shorten Timeout.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    ),
    _examine,
)
