"""One array of conditions against the values that an event has at that place.

The operators are those that SNS, EventBridge and event source mappings share.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any


def satisfied(conditions: Sequence[Any], values: Sequence[Any] | None) -> bool:
    """Whether one of ``conditions`` holds for one of ``values``; None means that nothing is there."""
    return any(_holds(condition, values) for condition in conditions)


def _holds(condition: Any, values: Sequence[Any] | None) -> bool:
    if isinstance(condition, dict):
        operator, operand = next(iter(condition.items()))
        if operator == "exists":
            return (values is not None) is bool(operand)
        test = _OPERATORS[operator]
        return values is not None and any(test(operand, value) for value in values)
    return values is not None and any(equal(condition, value) for value in values)


def equal(wanted: Any, value: Any) -> bool:
    """Exact match: booleans are no numbers, 1 is 1.0."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    if isinstance(wanted, (int, float)) and isinstance(value, (int, float)):
        return wanted == value
    return type(wanted) is type(value) and bool(wanted == value)


def _text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda operand, value: isinstance(value, str) and test(value, operand)


def _affix(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """A prefix or suffix, also ``{"equals-ignore-case": text}`` as EventBridge has it."""

    def holds(operand: Any, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(operand, dict):
            return test(value.casefold(), str(operand["equals-ignore-case"]).casefold())
        return test(value, operand)

    return holds


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    """A wildcard: ``*`` is any run of characters, ``\\*`` and ``\\\\`` stand for themselves."""
    parts = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", pattern)
    return re.compile(
        "".join(".*" if part == "*" else re.escape(part.lstrip("\\") or part) for part in parts), re.S
    )


def _wildcard(value: str, pattern: str) -> bool:
    return _glob(pattern).fullmatch(value) is not None


def _numeric(operand: Sequence[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return all(_COMPARE[operand[at]](value, operand[at + 1]) for at in range(0, len(operand), 2))


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _cidr(operand: str, value: Any) -> bool:
    try:
        return isinstance(value, str) and ipaddress.ip_address(value) in ipaddress.ip_network(
            operand, strict=False
        )
    except ValueError:
        return False


def _anything_but(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        operator, inner = next(iter(operand.items()))
        patterns = inner if isinstance(inner, list) else [inner]
        return not any(_OPERATORS[operator](pattern, value) for pattern in patterns)
    wanted = operand if isinstance(operand, list) else [operand]
    return not any(equal(item, value) for item in wanted)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": _affix(str.startswith),
    "suffix": _affix(str.endswith),
    "equals-ignore-case": _text(lambda value, operand: value.casefold() == operand.casefold()),
    "wildcard": _text(_wildcard),
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
