"""A choice without a default fails on the input that nobody thought of."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources import asl
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.state_machines import definitions, place
from stackproof.model import Severity


def _examine(stack: Stack) -> Iterator[Hit]:
    for machine, definition, _ in definitions(stack):
        for path, message in asl.choices_without_default(definition):
            yield Hit(place(machine, path), message)


RULE = Rule(
    describe(
        "ASL-DEFAULT",
        "Every choice has a default",
        why="When no rule matches the execution ends with States.NoChoiceMatched, which no state can catch.",
        fix="Add Default, with a Fail state if there is nothing better to do.",
        source="https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html",
        severity=Severity.WARNING,
    ),
    _examine,
)
