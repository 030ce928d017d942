"""Hypothesis strategies for filter conditions: values that satisfy them, and values that miss them.

The conditions are those of SNS filter policies, of event source mappings and of EventBridge
(``fabric.conditions`` judges them; every value made here is held against it).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from stackproof.fabric.conditions import satisfied

Strategy = st.SearchStrategy[Any]
_RANGE = 10**9

texts: st.SearchStrategy[str] = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), min_size=1, max_size=20
)
"""Texts that every service accepts."""
numbers: Strategy = st.integers(-_RANGE, _RANGE) | st.floats(-_RANGE, _RANGE, allow_nan=False, width=32)
scalars: Strategy = texts | numbers | st.booleans() | st.none()
"""JSON scalars."""


class Missing:
    """The type of ``MISSING``: the field must not be there."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


def satisfying(conditions: Sequence[Any]) -> Strategy:
    """Values (or ``MISSING``) that satisfy one of the conditions of a field."""
    return st.one_of([_one(condition) for condition in conditions]).filter(
        lambda value: _holds(conditions, value)
    )


def violating(conditions: Sequence[Any]) -> Strategy:
    """Values (or ``MISSING``) that satisfy none: near misses and anything else."""
    near = [near for condition in conditions for near in _near(condition)]
    return st.one_of([*near, scalars, st.just(MISSING)]).filter(lambda value: not _holds(conditions, value))


def _holds(conditions: Sequence[Any], value: Any) -> bool:
    return satisfied(conditions, None if value is MISSING else [value])


def _one(condition: Any) -> Strategy:
    if not isinstance(condition, Mapping):
        return st.just(condition)
    ((operator, operand),) = condition.items()
    return _OPERATORS[operator](operand)


def _near(condition: Any) -> list[Strategy]:
    """Values beside what a condition wants: another case, one more letter, one number further."""
    if isinstance(condition, str):
        return [st.sampled_from([condition.swapcase(), f"{condition} ", condition[:-1] or "x"])]
    if isinstance(condition, bool) or condition is None:
        return [st.sampled_from([str(condition).lower(), not condition])]
    if isinstance(condition, int | float):
        return [st.sampled_from([condition + 1, condition - 1, str(condition)])]
    return [_one(condition).filter(lambda value: isinstance(value, str)).map(lambda value: value[::-1])] * (
        next(iter(condition)) in {"prefix", "suffix", "wildcard"}
    )


def _affixed(join: Callable[[str, str], str]) -> Callable[[Any], Strategy]:
    def values(operand: Any) -> Strategy:
        if isinstance(operand, Mapping):
            return _folded(operand["equals-ignore-case"]).flatmap(
                lambda text: texts.map(lambda more: join(text, more))
            )
        return texts.map(lambda more: join(operand, more)) | st.just(operand)

    return values


def _folded(operand: str) -> Strategy:
    return st.sampled_from([operand, operand.upper(), operand.lower(), operand.swapcase()])


def _wildcard(operand: str) -> Strategy:
    fill = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=5)
    pieces = operand.split("*")
    gaps = st.lists(fill, min_size=len(pieces) - 1, max_size=len(pieces) - 1)
    return gaps.map(
        lambda found: "".join(a + b for a, b in zip(pieces, [*found, ""], strict=True)).replace("\\", "")
    )


def _numeric(operand: Sequence[Any]) -> Strategy:
    low, high, points = -_RANGE, _RANGE, []
    for operator, bound in zip(operand[::2], operand[1::2], strict=True):
        points.append(bound)
        if operator == "=":
            return st.just(bound)
        if operator.startswith(">"):
            low = bound
        else:
            high = bound
    edges = st.sampled_from([*points, *(point + 1 for point in points), *(point - 1 for point in points)])
    whole = st.integers(int(low), int(high)) if int(low) <= int(high) else st.just(low)
    return edges | whole | st.floats(low, high, allow_nan=False)


def _network(operand: str) -> Strategy:
    network = ipaddress.ip_network(operand, strict=False)
    return st.integers(0, network.num_addresses - 1).map(lambda index: str(network[index]))


_OPERATORS: dict[str, Callable[[Any], Strategy]] = {
    "prefix": _affixed(lambda given, more: given + more),
    "suffix": _affixed(lambda given, more: more + given),
    "equals-ignore-case": _folded,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _network,
    "exists": lambda operand: scalars if operand else st.just(MISSING),
    "anything-but": lambda operand: texts | numbers,
}
