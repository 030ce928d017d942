"""The algebra of unknown values: joining, comparing and branching without guessing.

A resolved value is JSON, an ``Unknown``, or a ``Choice`` between two values. Patterns are Python
regular expressions that must match from end to end (``re.DOTALL``); for ``kind="list"`` the pattern
and the values describe one item.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from stackproof.template.model import ABSENT, Choice, Unknown

_META = re.compile(r"([\\.^$*+?{}\[\]()|])")
_MAX_VALUES = 64
_MAX_CONDITIONS = 5


def escape(text: str) -> str:
    """The regular expression that matches exactly ``text`` (fewer backslashes than ``re.escape``)."""
    return _META.sub(r"\\\1", text)


def text_of(value: Any) -> str:
    """A known scalar as CloudFormation writes it into a string (``true``, ``10``)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, separators=(",", ":"), default=str)


def pattern_of(value: Any) -> str:
    """A pattern that every possible text of a value matches."""
    if isinstance(value, Unknown):
        if value.values and value.kind != "list":
            return "(?:" + "|".join(escape(text_of(item)) for item in value.values) + ")"
        if value.pattern and value.kind != "list":
            return f"(?:{value.pattern})"
        return ".*" if value.may_be_empty or value.kind in {"any", "list"} else ".+"
    return escape(text_of(value))


def unite(sources: Iterable[Any]) -> tuple[str, ...]:
    """The names that any of the values hangs on, in order, each once."""
    names = itertools.chain.from_iterable(value.sources for value in sources if isinstance(value, Unknown))
    return tuple(dict.fromkeys(names))


def concat(parts: Sequence[Any], expression: Any) -> Any:
    """The parts one after the other: a string, or an ``Unknown`` with the parts' patterns joined.

    Parts are scalars or ``Unknown``; a ``Choice`` must have been lifted out before (see ``lift``).
    """
    unknown = [part for part in parts if isinstance(part, Unknown)]
    if not unknown:
        return "".join(text_of(part) for part in parts)
    if len(parts) == 1 and unknown[0].kind == "string":
        return unknown[0]
    values = _product(parts)
    empty = all(part.may_be_empty if isinstance(part, Unknown) else text_of(part) == "" for part in parts)
    return Unknown(
        expression=expression,
        reason="; ".join(dict.fromkeys(part.reason for part in unknown)),
        kind="string",
        pattern="".join(pattern_of(part) for part in parts),
        values=values,
        generated=any(part.generated for part in unknown),
        may_be_empty=empty,
        sources=unite(unknown),
    )


def _product(parts: Sequence[Any]) -> tuple[str, ...]:
    """All texts that the parts can make, when they can be listed.

    Two parts that hang on the same source do not vary independently, so they are not listed.
    """
    seen: set[str] = set()
    size = 1
    for part in parts:
        if isinstance(part, Unknown):
            if not part.values or part.kind == "list" or seen.intersection(part.sources):
                return ()
            seen.update(part.sources)
            size *= len(part.values)
    if size > _MAX_VALUES:
        return ()
    options = [part.values if isinstance(part, Unknown) else (part,) for part in parts]
    return tuple(dict.fromkeys("".join(text_of(item) for item in row) for row in itertools.product(*options)))


def matches(pattern: str, text: str) -> bool | None:
    """Whether ``text`` matches ``pattern`` from end to end; None when the pattern cannot be read."""
    try:
        return re.fullmatch(pattern, text, re.DOTALL) is not None
    except (re.error, RecursionError, OverflowError):
        return None


def possible(unknown: Unknown, value: Any) -> bool:
    """Whether an unknown scalar may turn out to be ``value``."""
    text = text_of(value)
    if unknown.values:
        return any(text_of(item) == text for item in unknown.values)
    if text == "":
        return unknown.may_be_empty or unknown.kind == "any"
    if unknown.pattern:
        return matches(unknown.pattern, text) is not False
    return not unknown.generated


def equal(left: Any, right: Any) -> bool | None:
    """``Fn::Equals``: strings are compared as text; None when it hangs on an unknown."""
    if isinstance(left, Unknown) and isinstance(right, Unknown):
        if left.expression == right.expression:
            return True
        if left.values and not any(possible(right, item) for item in left.values):
            return False
        if right.values and not any(possible(left, item) for item in right.values):
            return False
        return None
    if isinstance(right, Unknown):
        left, right = right, left
    if isinstance(left, Unknown):
        if left.kind == "list" or isinstance(right, list | dict):
            return None
        if not possible(left, right):
            return False
        return True if len(left.values) == 1 else None
    if contains_unknown(left) or contains_unknown(right):
        return _equal_structures(left, right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return bool(left == right)
    return text_of(left) == text_of(right)


def _equal_structures(left: Any, right: Any) -> bool | None:
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        answers = [equal(*pair) for pair in zip(left, right, strict=True)]
        return False if False in answers else None if None in answers else True
    return None


def contains_unknown(value: Any) -> bool:
    """Whether an ``Unknown`` or a ``Choice`` stands anywhere inside."""
    if isinstance(value, Unknown | Choice):
        return True
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return False


def unknowns(value: Any) -> Iterator[Unknown]:
    """Every ``Unknown`` inside a value, in the branches of a ``Choice`` too."""
    if isinstance(value, Unknown):
        yield value
    elif isinstance(value, Choice):
        yield from unknowns(value.then)
        yield from unknowns(value.otherwise)
    elif isinstance(value, dict):
        for item in value.values():
            yield from unknowns(item)
    elif isinstance(value, list):
        for item in value:
            yield from unknowns(item)


def written(value: Any) -> Any:
    """A value as a document: unknowns by their expression, a choice by its ``Fn::If``."""
    if isinstance(value, Unknown):
        return value.expression
    if isinstance(value, Choice):
        if value.expression is not None:
            return value.expression
        return {"Fn::If": [value.condition, written(value.then), written(value.otherwise)]}
    if value is ABSENT:
        return {"Ref": "AWS::NoValue"}
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [written(item) for item in value]
    return value


def choose(condition: str, then: Any, otherwise: Any, expression: Any = None) -> Any:
    """A ``Choice``, or the value itself when both branches are the same."""
    return then if then == otherwise else Choice(condition, then, otherwise, expression)


def lift(value: Any, function: Callable[[Any], Any], expression: Any = None) -> Any:
    """Apply ``function`` below the choices inside ``value``: ``f(a ? b : c)`` is ``a ? f(b) : f(c)``.

    ``function`` sees no ``Choice``. With more than five different conditions the answer is unknown.
    """
    return _lift(value, function, expression, _MAX_CONDITIONS)


def _lift(value: Any, function: Callable[[Any], Any], expression: Any, budget: int) -> Any:
    found = _first_choice(value)
    if found is None:
        return function(value)
    if budget == 0:
        sources = tuple(dict.fromkeys(source for item in unknowns(value) for source in item.sources))
        return Unknown(expression, "hangs on too many unknown conditions", may_be_empty=True, sources=sources)
    name = found.condition
    return choose(
        name,
        _lift(assume(value, name, True), function, expression, budget - 1),
        _lift(assume(value, name, False), function, expression, budget - 1),
        expression,
    )


def _first_choice(value: Any) -> Choice | None:
    if isinstance(value, Choice):
        return value
    items: Iterable[Any] = ()
    if isinstance(value, dict):
        items = value.values()
    elif isinstance(value, list):
        items = value
    for item in items:
        found = _first_choice(item)
        if found is not None:
            return found
    return None


def assume(value: Any, condition: str, truth: bool) -> Any:
    """The value when a condition is known: its choices taken, what is absent removed."""
    if isinstance(value, Choice):
        if value.condition == condition:
            return assume(value.then if truth else value.otherwise, condition, truth)
        return choose(
            value.condition,
            assume(value.then, condition, truth),
            assume(value.otherwise, condition, truth),
            value.expression,
        )
    if isinstance(value, dict):
        pairs = ((key, assume(item, condition, truth)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not ABSENT}
    if isinstance(value, list):
        items = (assume(item, condition, truth) for item in value)
        return [item for item in items if item is not ABSENT]
    return value


def without(unknown: Unknown, value: Any) -> Any:
    """The unknown after learning that it is not ``value``; known when one value is left."""
    if unknown.values:
        left = tuple(item for item in unknown.values if text_of(item) != text_of(value))
        if len(left) == 1:
            return left[0]
        return replace(unknown, values=left, may_be_empty=any(text_of(item) == "" for item in left))
    if text_of(value) == "":
        return replace(unknown, may_be_empty=False)
    return unknown
