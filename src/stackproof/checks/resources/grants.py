"""Resource policies: may a service act for one source, and for that one only?

The narrow question of the confused deputy, not a policy evaluation (the iam room does that).
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stackproof.checks.resources.stack import Resource, Stack, listed
from stackproof.model import DocPath
from stackproof.template.model import Unknown

_POSITIVE = re.compile(r"(?i)^(for(any|all)values?:)?(string|arn)(equals|like)(ignorecase)?(ifexists)?$")
_WIDE = re.compile(r"^\*$|^arn:[^:]*:[^:]*:[^:]*:[^:]*:\*$|^arn:[^:]*:\*$")


class Grant(Enum):
    """What a policy says, from best to worst."""

    SCOPED = 0
    UNKNOWN = 1
    WIDE = 2
    NONE = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """The best grant that any statement gives, where it stands, and the unknowns that it hangs on."""

    grant: Grant = Grant.NONE
    path: DocPath = ()
    unknowns: tuple[Unknown, ...] = ()


def statements(document: Any, path: DocPath) -> Iterator[tuple[DocPath, Mapping[str, Any]]]:
    """The statements of a policy document with their paths; ``Statement`` may be one object or a list."""
    found = document.get("Statement") if isinstance(document, Mapping) else None
    if isinstance(found, Mapping):
        yield (*path, "Statement"), found
    elif isinstance(found, list):
        for index, item in enumerate(found):
            if isinstance(item, Mapping):
                yield (*path, "Statement", index), item


def matches_action(patterns: Any, action: str) -> bool:
    """Whether a statement's ``Action`` covers an action, which may itself be a pattern of the caller."""
    return any(
        isinstance(item, str) and re.fullmatch(wildcard(item.lower()), action.lower()) is not None
        for item in listed(patterns)
    )


def wildcard(text: str) -> str:
    """The regular expression of an IAM pattern with ``*`` and ``?``."""
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def principals(statement: Mapping[str, Any], kind: str) -> list[Any]:
    """The principals of one kind (``Service``, ``AWS``); ``*`` counts for every kind."""
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return [*listed(principal.get(kind)), *(item for item in listed(principal.get("AWS")) if item == "*")]
    return listed(principal) if principal == "*" else []


def service_grant(
    stack: Stack, holders: Iterator[Resource], service: str, action: str, target: Resource, source: Resource
) -> Answer:
    """What the policies ``holders`` say to ``service`` doing ``action`` on ``target`` for ``source``."""
    best = Answer()
    for holder in holders:
        document = holder.get("PolicyDocument")
        if isinstance(document, Unknown):
            best = _better(best, Answer(Grant.UNKNOWN, holder.at("PolicyDocument"), (document,)))
        for path, statement in statements(document, holder.at("PolicyDocument")):
            if statement.get("Effect") != "Allow" or not matches_action(statement.get("Action"), action):
                continue
            if not _names(principals(statement, "Service"), service):
                continue
            if not _covers(stack, statement.get("Resource"), target):
                continue
            best = _better(best, _scope(stack, statement.get("Condition"), source, path))
    return best


def _better(first: Answer, second: Answer) -> Answer:
    return second if second.grant.value < first.grant.value else first


def _names(found: list[Any], service: str) -> bool:
    return any(item in ("*", service) for item in found if isinstance(item, str))


def _covers(stack: Stack, value: Any, target: Resource) -> bool:
    """Whether a statement's ``Resource`` can be the target (absent: the resource that carries the policy)."""
    items = listed(value)
    if not items:
        return True
    for item in items:
        if item == "*" or stack.means(item, target) is not False:
            return True
        if isinstance(item, str) and "*" in item and _overlaps(item, stack.arn(target)):
            return True
    return False


def wildcard_covers(stack: Stack, value: Any, target: Resource) -> bool:
    """Whether an identity policy's ``Resource`` can cover a resource or something below it (a stream)."""
    for item in listed(value):
        if item == "*" or stack.means(item, target) is not False:
            return True
        if isinstance(item, Unknown) and any(source.split(".")[0] == target.id for source in item.sources):
            return True
        if isinstance(item, Unknown) and f"${{{target.id}" in str(item.expression):
            return True
        if isinstance(item, str) and _overlaps(item, stack.arn(target)):
            return True
        arn = stack.arn(target)
        if isinstance(item, str) and isinstance(arn, str) and item.startswith(f"{arn}/"):
            return True
        if isinstance(item, Unknown) and item.pattern and isinstance(arn, Unknown) and arn.pattern:
            if item.pattern.startswith(arn.pattern):
                return True
            if "\\*" in item.pattern or ".*" in item.pattern:
                return True
    return False


def _overlaps(pattern: str, arn: Any) -> bool:
    """Whether a pattern with wildcards can match an ARN of which parts may be unknown."""
    if isinstance(arn, str):
        return re.fullmatch(wildcard(pattern), arn) is not None
    if not isinstance(arn, Unknown):
        return False
    given, known = pattern.split(":", 5), str(arn.pattern).replace("(?:", "(").split(":", 5)
    return len(given) < 3 or len(known) < 3 or "*" in given[2] or given[2] == known[2]


def _scope(stack: Stack, condition: Any, source: Resource, path: DocPath) -> Answer:
    """How far a statement's condition narrows the source."""
    if isinstance(condition, Unknown):
        return Answer(Grant.UNKNOWN, path, (condition,))
    arns = list(_conditions(condition, "aws:sourcearn"))
    if not arns:
        owners = [*_conditions(condition, "aws:sourceaccount"), *_conditions(condition, "aws:sourceowner")]
        orgs = [*_conditions(condition, "aws:sourceorgid"), *_conditions(condition, "aws:principalorgid")]
        return Answer(Grant.SCOPED if owners or orgs else Grant.WIDE, path)
    best = Answer()
    for value in arns:
        best = _better(best, _one_source(stack, value, source, path))
    return best


def _one_source(stack: Stack, value: Any, source: Resource, path: DocPath) -> Answer:
    if isinstance(value, str) and _WIDE.match(value):
        return Answer(Grant.WIDE, path)
    means = stack.means(value, source)
    if means is not False:
        unknowns = tuple(item for item in (value, stack.arn(source)) if isinstance(item, Unknown))
        return Answer(Grant.SCOPED, path) if means else Answer(Grant.UNKNOWN, path, unknowns[:1])
    if isinstance(value, str) and "*" in value and _overlaps(value, stack.arn(source)):
        return Answer(Grant.SCOPED, path)
    if isinstance(value, Unknown) and "\\*" in value.pattern:
        return Answer(Grant.UNKNOWN, path, (value,))
    return Answer()


def _conditions(condition: Any, key: str) -> Iterator[Any]:
    """The values that a condition compares a key with, under the operators that narrow."""
    if not isinstance(condition, Mapping):
        return
    for operator, block in condition.items():
        if not _POSITIVE.match(str(operator)) or not isinstance(block, Mapping):
            continue
        for name, value in block.items():
            if str(name).lower() == key:
                yield from listed(value)
