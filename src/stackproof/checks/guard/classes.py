"""Values that a rule cannot tell apart, read from its literals: one of each kind is enough to try."""

from __future__ import annotations

import json
from collections.abc import Iterable

from stackproof.checks.guard.literals import Literals, Texts
from stackproof.checks.guard.patterns import found_in
from stackproof.model import JSON

Signature = tuple[object, ...]


def telling(values: Iterable[JSON], literals: Literals) -> tuple[JSON, ...]:
    """The first value of every kind that a rule with these literals can tell apart.

    A rule that compares two places of the document, computes, or looks things up by a value can tell any
    two values apart, so that all of them are kept.
    """
    if literals.relates or literals.parses or literals.opaque:
        return tuple(values)
    first: dict[Signature, JSON] = {}
    for value in values:
        first.setdefault(_signature(value, literals), value)
    return tuple(first.values())


def _signature(value: JSON, literals: Literals) -> Signature:
    """Everything that a rule can learn of a value: which literals it equals or lies in, what matches."""
    if isinstance(value, list):
        return ("list", *(_signature(item, literals) for item in value))
    if not isinstance(value, str):
        return ("plain", json.dumps(value, sort_keys=True, default=str))
    try:
        single = tuple(_fit(value, *text) for text in literals.single)
        groups = tuple(_member(value, group) for group in literals.groups)
    except _Unreadable:
        return ("text", value)
    return ("text", value == "", single, groups)


class _Unreadable(Exception):
    """An expression of a dialect that Python does not know."""


def _member(value: str, group: Texts) -> tuple[bool, bool]:
    """Whether a value is a member of a list, and if not whether it lies in one."""
    fits = [_fit(value, *text) for text in group]
    member = any(fit for fit, _ in fits)
    return member, not member and any(inside for _, inside in fits)


def _fit(value: str, regex: bool, text: str) -> tuple[bool, bool]:
    """Whether an expression matches; of a string whether it is the value and whether the value is in it."""
    if not regex:
        return value == text, value in text
    found = found_in(text, value)
    if found is None:
        raise _Unreadable
    return found, False
