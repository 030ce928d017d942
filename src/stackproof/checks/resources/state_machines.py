"""The definition of a state machine is one that Step Functions accepts and that can end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.checks.resources import asl
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.samples import sample
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.model import DocPath
from stackproof.template.model import Unknown

_SOURCE = "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html"


def definitions(stack: Stack) -> Iterator[tuple[Resource, Any, str]]:
    """State machines with their decoded definition, or the reason why it is not JSON."""
    for machine in stack.of("AWS::StepFunctions::StateMachine"):
        definition = machine.get("Definition")
        if isinstance(definition, Mapping):
            yield machine, definition, ""
            continue
        text = sample(machine.get("DefinitionString"))
        if text is None:
            continue
        try:
            yield machine, json.loads(_substituted(machine, text)), ""
        except ValueError as error:
            yield machine, None, str(error)


def place(machine: Resource, path: DocPath) -> DocPath:
    """Where a fault of a definition stands in the template; a definition in a string has one place only."""
    if isinstance(machine.get("Definition"), Mapping):
        return machine.at("Definition", *path)
    return machine.at("DefinitionString")


def _substituted(machine: Resource, text: str) -> str:
    values = machine.get("DefinitionSubstitutions")
    names = values if isinstance(values, Mapping) else {}

    def fill(found: re.Match[str]) -> str:
        value = names.get(found[1])
        known = value is not None and not isinstance(value, Unknown | Mapping | list)
        return json.dumps(str(value))[1:-1] if known else "1"

    return re.sub(r"\$\{([^}]*)\}", fill, text)


def _examine(stack: Stack) -> Iterator[Hit]:
    for machine, definition, reason in definitions(stack):
        if reason:
            yield Hit(place(machine, ()), f"The definition is not JSON: {reason}")
            continue
        for path, message in asl.faults(definition):
            yield Hit(place(machine, path), message)


RULE = Rule(
    describe(
        "ASL",
        "State machines are valid and can end",
        why="Step Functions refuses a definition that breaks the language; a state that nothing "
        "leads to, or a loop "
        "without a way out, it accepts.",
        fix="Correct the state that is named: Next or End for each state but Choice, Succeed and "
        "Fail; choice rules "
        "have Next and never End.",
        source=_SOURCE,
    ),
    _examine,
)
