"""A queue can start a thousand functions at once."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.values import holds, number, unknowns_of
from stackproof.checks.resources.wiring import QUEUE, mappings
from stackproof.model import Severity


def _examine(stack: Stack) -> Iterator[Hit]:
    for mapping, queue, function in mappings(stack, QUEUE):
        if function is None:
            continue
        reserved = function.get("ReservedConcurrentExecutions")
        scaling = mapping.get("ScalingConfig", "MaximumConcurrency")
        if reserved is None and scaling is None:
            message = (
                f"A backlog of {queue.id} may take all of the account's concurrency: set "
                f"ReservedConcurrentExecutions of the function or ScalingConfig.MaximumConcurrency of "
                f"the mapping"
            )
            yield Hit(function.path, message, (mapping.id, queue.id))
        elif reserved is not None and scaling is not None:
            answer = holds(lambda have, want: (number(have) or 0) >= (number(want) or 0), reserved, scaling)
            if answer is False:
                message = (
                    f"The mapping {mapping.id} may start more functions than are reserved: the rest "
                    f"are throttled "
                    f"and use up receive counts; raise ReservedConcurrentExecutions or lower "
                    f"MaximumConcurrency"
                )
                yield Hit(function.at("ReservedConcurrentExecutions"), message, (mapping.id,))
            elif answer is None:
                message = f"Whether enough functions are reserved for the mapping {mapping.id} is not known"
                yield Hit(
                    function.at("ReservedConcurrentExecutions"), message, (), unknowns_of(reserved, scaling)
                )


RULE = Rule(
    describe(
        "QUEUE-CONCURRENCY",
        "A function that a queue drives has a limit",
        why="Lambda adds up to 300 pollers a minute for a full queue: other functions of the account "
        "are throttled, "
        "and so is the database behind this one.",
        fix="Set ReservedConcurrentExecutions, or ScalingConfig.MaximumConcurrency of the event "
        "source mapping.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
        severity=Severity.WARNING,
    ),
    _examine,
)
