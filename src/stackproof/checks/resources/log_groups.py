"""Every function has a log group of its own making, so that its logs expire."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.values import unknowns_of
from stackproof.checks.resources.wiring import FUNCTION
from stackproof.model import Severity
from stackproof.template.model import Unknown
from stackproof.template.unknowns import equal, escape

_PREFIX = "/aws/lambda/"


def _examine(stack: Stack) -> Iterator[Hit]:
    groups = list(stack.of("AWS::Logs::LogGroup"))
    for function in stack.of(FUNCTION):
        chosen = function.get("LoggingConfig", "LogGroup")
        if chosen is not None:
            if isinstance(chosen, str) and chosen.startswith(_PREFIX) and _by_name(groups, chosen) is None:
                yield _missing(function)
            continue
        answers = {group.id: _serves(group, function) for group in groups}
        if True in answers.values():
            continue
        possible = [stack.resources[name] for name, answer in answers.items() if answer is None]
        if possible:
            message = f"Whether {possible[0].id} is the log group of the function is not known"
            names = unknowns_of(possible[0].get("LogGroupName"), function.get("FunctionName"))
            yield Hit(function.at("LoggingConfig"), message, (possible[0].id,), names)
        else:
            yield _missing(function)


def _missing(function: Resource) -> Hit:
    message = (
        "Lambda makes the function's log group itself and keeps its logs for ever: add an "
        "AWS::Logs::LogGroup "
        "with RetentionInDays and name it in LoggingConfig.LogGroup"
    )
    return Hit(function.at("LoggingConfig"), message)


def _by_name(groups: list[Resource], name: str) -> Resource | None:
    return next((group for group in groups if equal(group.get("LogGroupName"), name) is not False), None)


def _serves(group: Resource, function: Resource) -> bool | None:
    """Whether a group is called ``/aws/lambda/<function>``; None when that is not known."""
    name, own = group.get("LogGroupName"), function.get("FunctionName")
    if isinstance(name, Unknown) and (
        function.id in name.sources or f"${{{function.id}}}" in str(name.expression)
    ):
        return True
    if own is None or name is None:
        return False
    if isinstance(name, str):
        return name.startswith(_PREFIX) and equal(own, name.removeprefix(_PREFIX))
    if not isinstance(name, Unknown):
        return False
    if isinstance(own, str):
        return False if name.generated else equal(name, f"{_PREFIX}{own}")
    if not isinstance(own, Unknown):
        return False
    if name.sources == own.sources and name.pattern == f"{escape(_PREFIX)}{own.pattern}":
        return True
    return None if name.sources and not name.generated and not own.generated else False


RULE = Rule(
    describe(
        "LOG-GROUP",
        "Every function has a log group in the template",
        why="A log group that Lambda makes belongs to no stack: it has no retention and stays when "
        "the stack goes.",
        fix="Add an AWS::Logs::LogGroup named /aws/lambda/<function>, or name any group in "
        "LoggingConfig.LogGroup.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html",
        severity=Severity.WARNING,
    ),
    _examine,
)
