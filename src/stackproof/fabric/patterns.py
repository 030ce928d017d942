"""Event patterns: the filter language of EventBridge and of event source mappings.

``check`` refuses what AWS refuses, ``matches`` judges an event. Sources: EventBridge user guide,
"Comparison operators"; Lambda developer guide, "Control which events Lambda sends to your function".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stackproof.fabric.conditions import satisfied


class InvalidPattern(ValueError):
    """A pattern that AWS would refuse; the message says where and why, ``reason`` only why."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{reason} at {where}" if where else reason)
        self.reason = reason


# Matching.


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event (decoded JSON) matches a checked pattern."""
    return all(_field(key, wanted, event) for key, wanted in pattern.items())


def _field(key: str, wanted: Any, event: Mapping[str, Any]) -> bool:
    if key == "$or" and isinstance(wanted, list):
        return any(matches(alternative, event) for alternative in wanted)
    if key not in event and "." in key:
        head, _, rest = key.partition(".")
        return _inside({rest: wanted}, event.get(head))
    if isinstance(wanted, Mapping):
        return _inside(wanted, event[key] if key in event else _dotted(key, event))
    return satisfied(wanted, _leaves(event.get(key), key in event))


def _dotted(key: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an object that was written flat: ``{"state.status": …}``."""
    head = f"{key}."
    return {name[len(head) :]: value for name, value in event.items() if name.startswith(head)}


def _inside(pattern: Mapping[str, Any], value: Any) -> bool:
    """A pattern against what lies below a field: an object, or one of a list of objects."""
    if isinstance(value, list):
        found = [item for item in value if isinstance(item, Mapping)]
        return any(matches(pattern, item) for item in found or ({},))
    return matches(pattern, value if isinstance(value, Mapping) else {})


def _leaves(value: Any, present: bool) -> list[Any] | None:
    """The values at a place; None when there is no leaf."""
    if not present or isinstance(value, Mapping):
        return None
    if not isinstance(value, list):
        return [value]
    found = [item for item in value if not isinstance(item, (Mapping, list))]
    for item in value:
        if isinstance(item, list):
            found += _leaves(item, True) or []
    return found or None


# Checking.


def check(pattern: Any, *, where: str = "") -> None:
    """Raise ``InvalidPattern`` unless AWS accepts the pattern."""
    if not isinstance(pattern, Mapping):
        raise InvalidPattern("Filter is not an object")
    if not pattern:
        raise InvalidPattern("Empty objects are not allowed", where)
    for key, wanted in pattern.items():
        place = f"{where}.{key}" if where else key
        if key == "$or" and isinstance(wanted, list) and len(wanted) > 1:
            for alternative in wanted:
                check(alternative, where=place)
        elif isinstance(wanted, Mapping):
            check(wanted, where=place)
        elif isinstance(wanted, list):
            _check_conditions(wanted, place)
        else:
            raise InvalidPattern(f'"{key}" must be an object or an array', place)


def _check_conditions(conditions: Sequence[Any], where: str) -> None:
    if not conditions:
        raise InvalidPattern("Empty arrays are not allowed", where)
    for condition in conditions:
        if isinstance(condition, list):
            raise InvalidPattern("Match value must be String, number, true, false, or null", where)
        if isinstance(condition, Mapping):
            _check_operator(condition, where)


def _check_operator(condition: Mapping[str, Any], where: str) -> None:
    if len(condition) != 1:
        raise InvalidPattern("Only one key allowed in match expression", where)
    operator, operand = next(iter(condition.items()))
    check_operand = _OPERANDS.get(operator)
    if check_operand is None:
        raise InvalidPattern(f"Unrecognized match type {operator}", where)
    check_operand(operator, operand, where)


def _text(operator: str, operand: Any, where: str) -> None:
    if not isinstance(operand, str):
        raise InvalidPattern(f"{operator} match pattern must be a string", where)


def _affix(operator: str, operand: Any, where: str) -> None:
    if isinstance(operand, Mapping):
        if list(operand) != ["equals-ignore-case"]:
            raise InvalidPattern(f"unsupported {operator} pattern", where)
        operand = operand["equals-ignore-case"]
    _text(operator, operand, where)


def _wildcard(operator: str, operand: Any, where: str) -> None:
    _text(operator, operand, where)
    if "**" in operand.replace("\\\\", "").replace("\\*", ""):
        raise InvalidPattern("consecutive wildcard characters", where)


def _exists(operator: str, operand: Any, where: str) -> None:
    if not isinstance(operand, bool):
        raise InvalidPattern("exists match pattern must be either true or false.", where)


def _cidr(operator: str, operand: Any, where: str) -> None:
    try:
        ipaddress.ip_network(operand, strict=False)
    except ValueError as error:
        raise InvalidPattern(f"Malformed CIDR, {operand}", where) from error
    if not isinstance(operand, str) or "/" not in operand:
        raise InvalidPattern("Malformed CIDR, one '/' required", where)


def _numeric(operator: str, operand: Any, where: str) -> None:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise InvalidPattern("numeric match pattern must be an array of operators and values", where)
    signs, values = operand[::2], operand[1::2]
    if any(sign not in ("=", "<", "<=", ">", ">=") for sign in signs):
        raise InvalidPattern("Unrecognized numeric range operator", where)
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
        raise InvalidPattern(f"Value of {signs[0]} must be numeric", where)
    if len(signs) == 2 and (
        signs[0] not in (">", ">=") or signs[1] not in ("<", "<=") or values[0] >= values[1]
    ):
        raise InvalidPattern("Bottom must be less than top", where)


_ANYTHING_BUT = ("prefix", "suffix", "equals-ignore-case", "wildcard")


def _anything_but(operator: str, operand: Any, where: str) -> None:
    if isinstance(operand, Mapping):
        if len(operand) != 1 or next(iter(operand)) not in _ANYTHING_BUT:
            raise InvalidPattern("unsupported anything-but pattern", where)
        inner, wanted = next(iter(operand.items()))
        for item in wanted if isinstance(wanted, list) else [wanted]:
            if not isinstance(item, str) or (not item and inner != "equals-ignore-case"):
                raise InvalidPattern(f"{inner} of anything-but must be a non-empty string", where)
            if inner == "wildcard":
                _wildcard(inner, item, where)
        if wanted == []:
            raise InvalidPattern("Empty arrays are not allowed", where)
        return
    wanted = operand if isinstance(operand, list) else [operand]
    kinds = {_kind(item) for item in wanted}
    if not wanted or kinds not in ({"text"}, {"number"}):
        raise InvalidPattern("anything-but takes strings or numbers, not both", where)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else "other"


_OPERANDS: dict[str, Callable[[str, Any, str], None]] = {
    "prefix": _affix,
    "suffix": _affix,
    "equals-ignore-case": _text,
    "wildcard": _wildcard,
    "exists": _exists,
    "cidr": _cidr,
    "numeric": _numeric,
    "anything-but": _anything_but,
}
