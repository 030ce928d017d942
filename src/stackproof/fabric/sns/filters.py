"""Filter policies: what AWS accepts, and whether a message satisfies one.

Operators and limits: SNS developer guide, "Amazon SNS subscription filter policies"; wording of the
errors as recorded.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any

from stackproof.fabric.conditions import satisfied

_MAX_COMBINATIONS = 150
_MAX_KEYS = 5


class FilterPolicyError(Exception):
    """Why AWS refuses a filter policy; without the prefix that names the parameter."""


def parse(text: str, scope: str) -> dict[str, Any]:
    """The policy of a ``FilterPolicy`` attribute; raises ``FilterPolicyError``."""
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise FilterPolicyError(f"failed to parse JSON. {error}") from None
    if not isinstance(policy, dict):
        raise FilterPolicyError("Filter is not an object")
    keys = [key for key in policy if key != "$or"]
    if len(keys) > _MAX_KEYS:
        raise FilterPolicyError("Filter policy can not have more than 5 keys")
    _check_object(policy)
    if scope != "MessageBody" and _nested(policy):
        raise FilterPolicyError("Filter policy scope MessageAttributes does not support nested filter policy")
    if _combinations(policy, 1, scope == "MessageBody") > _MAX_COMBINATIONS:
        raise FilterPolicyError("Filter policy is too complex")
    return policy


def _check_object(policy: Mapping[str, Any]) -> None:
    for key, value in policy.items():
        if key == "$or" and isinstance(value, list) and all(isinstance(part, dict) for part in value):
            for part in value:
                _check_object(part)
        elif isinstance(value, dict):
            _check_object(value)
        elif isinstance(value, list):
            if not value:
                raise FilterPolicyError("Empty arrays are not allowed")
            for condition in value:
                _check_condition(condition)
        else:
            raise FilterPolicyError(f'"{key}" must be an object or an array')


def _check_condition(condition: Any) -> None:
    if isinstance(condition, list):
        raise FilterPolicyError("Match value must be String, number, true, false, or null")
    if not isinstance(condition, dict):
        return
    if len(condition) != 1:
        raise FilterPolicyError("Only one key allowed in match expression")
    operator, value = next(iter(condition.items()))
    if operator in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
        if not isinstance(value, str):
            raise FilterPolicyError(f"{operator} match pattern must be a string")
        if operator == "wildcard":
            _check_wildcard(value)
    elif operator == "cidr":
        _check_cidr(value)
    elif operator == "exists":
        if not isinstance(value, bool):
            raise FilterPolicyError("exists match pattern must be either true or false.")
    elif operator == "numeric":
        _check_numeric(value)
    elif operator == "anything-but":
        _check_anything_but(value)
    else:
        raise FilterPolicyError(f"Unrecognized match type {operator}")


def _check_wildcard(value: str) -> None:
    if "**" in value:
        raise FilterPolicyError(f"Consecutive wildcard characters at pos {value.index('**')}")


def _check_anything_but(value: Any) -> None:
    if isinstance(value, dict):
        if len(value) != 1:
            raise FilterPolicyError("Only one key allowed in match expression")
        operator, inner = next(iter(value.items()))
        if operator not in ("prefix", "wildcard"):
            raise FilterPolicyError(f"Unsupported anything-but pattern: {operator}")
        for pattern in inner if isinstance(inner, list) else [inner]:
            if not isinstance(pattern, str):
                raise FilterPolicyError(f"{operator} match pattern must be a string")
    elif isinstance(value, list):
        kinds = {isinstance(item, str) for item in value}
        if not value or any(isinstance(item, (dict, list)) for item in value) or len(kinds) > 1:
            raise FilterPolicyError("Inside anything-but list, start|null|boolean is not supported.")
    elif isinstance(value, bool) or value is None:
        raise FilterPolicyError("Inside anything-but list, start|null|boolean is not supported.")


def _check_cidr(value: Any) -> None:
    if not isinstance(value, str):
        raise FilterPolicyError("prefix match pattern must be a string")
    if value.count("/") != 1:
        raise FilterPolicyError("Malformed CIDR, one '/' required")
    address, _, bits = value.partition("/")
    if not bits.isdigit():
        raise FilterPolicyError("Malformed CIDR, mask bits must be an integer")
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise FilterPolicyError(f"Nonstandard IP address: {address}") from None


_COMPARISONS = ("=", "<", "<=", ">", ">=")


def _check_numeric(value: Any) -> None:
    if not isinstance(value, list) or not value:
        raise FilterPolicyError("Invalid member in numeric match: ]")
    operator = value[0]
    if not isinstance(operator, str):
        raise FilterPolicyError(f"Invalid member in numeric match: {operator}")
    if operator not in _COMPARISONS:
        raise FilterPolicyError(f"Unrecognized numeric range operator: {operator}")
    _check_number(value, 1, operator)
    if len(value) == 2:
        return
    if len(value) < 4 and not (len(value) == 3 and isinstance(value[2], str)):
        raise FilterPolicyError("Bad value of numeric: too many elements in numeric expression")
    second = value[2]
    if operator not in (">", ">=") or second not in ("<", "<="):
        raise FilterPolicyError(f"Bad numeric range operator: {second}")
    _check_number(value, 3, second)
    if len(value) > 4:
        raise FilterPolicyError("Too many terms in numeric range expression")
    if not value[1] < value[3]:
        raise FilterPolicyError("Bottom must be less than top")


def _check_number(value: Sequence[Any], at: int, operator: str) -> None:
    if len(value) <= at or isinstance(value[at], bool) or not isinstance(value[at], (int, float)):
        raise FilterPolicyError(f"Value of {operator} must be numeric")
    if not -1e9 <= value[at] <= 1e9:
        raise FilterPolicyError("Value must be between -1.0E9 and 1.0E9, inclusive")


def _nested(policy: Mapping[str, Any]) -> bool:
    for key, value in policy.items():
        if key == "$or" and isinstance(value, list):
            if any(_nested(part) for part in value if isinstance(part, dict)):
                return True
        elif isinstance(value, dict):
            return True
    return False


def _combinations(policy: Mapping[str, Any], depth: int, weigh_depth: bool) -> int:
    """The product over all keys; the alternatives of ``$or`` add up; a nested value counts its level."""
    total = 1
    for key, value in policy.items():
        if key == "$or" and isinstance(value, list) and all(isinstance(part, dict) for part in value):
            total *= sum(_combinations(part, depth, weigh_depth) for part in value)
        elif isinstance(value, dict):
            total *= _combinations(value, depth + 1, weigh_depth)
        else:
            total *= len(value) * (depth if weigh_depth else 1)
    return total


# Matching.


def matches_attributes(policy: Mapping[str, Any], attributes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether message attributes satisfy a policy of scope MessageAttributes."""
    return _matches_flat(policy, {name: _values(value) for name, value in attributes.items()})


def _matches_flat(policy: Mapping[str, Any], values: Mapping[str, list[Any]]) -> bool:
    for key, conditions in policy.items():
        if key == "$or":
            if not any(_matches_flat(part, values) for part in conditions):
                return False
        elif not satisfied(conditions, values.get(key)):
            return False
    return True


def _values(attribute: Mapping[str, Any]) -> list[Any]:
    """The values of a message attribute that a policy can look at."""
    kind = str(attribute.get("DataType", ""))
    text = attribute.get("StringValue")
    if text is None:
        return []
    if kind == "String.Array":
        try:
            decoded = json.loads(text)
        except ValueError:
            return []
        return decoded if isinstance(decoded, list) else [decoded]
    if kind.split(".", 1)[0] == "Number":
        try:
            return [float(text)]
        except ValueError:
            return []
    return [text]


def matches_body(policy: Mapping[str, Any], body: str) -> bool:
    """Whether a JSON message satisfies a policy of scope MessageBody."""
    try:
        payload = json.loads(body)
    except ValueError:
        return False
    return isinstance(payload, dict) and _matches_tree(_unfolded(policy), _unfolded(payload))


def _matches_tree(policy: Mapping[str, Any], payload: Any) -> bool:
    if isinstance(payload, list):
        return any(_matches_tree(policy, element) for element in payload)
    if not isinstance(payload, dict):
        payload = {}
    for key, conditions in policy.items():
        if key == "$or" and isinstance(conditions, list):
            if not any(_matches_tree(_unfolded(part), payload) for part in conditions):
                return False
        elif isinstance(conditions, dict):
            if not _matches_tree(conditions, payload.get(key, {})):
                return False
        elif not satisfied(conditions, _leaves(payload[key]) if key in payload else None):
            return False
    return True


def _leaves(value: Any) -> list[Any] | None:
    """The scalars behind a key; None when there are none (an object is no value)."""
    if isinstance(value, dict):
        return None
    if not isinstance(value, list):
        return [value]
    found: list[Any] = []
    for element in value:
        found.extend(_leaves(element) or [])
    return found or None


def _unfolded(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Keys with dots mean nesting: ``{"a.b": x}`` is ``{"a": {"b": x}}``."""
    result: dict[str, Any] = {}
    for key, value in tree.items():
        inner = _unfolded_value(value) if key != "$or" else value
        target = result
        *path, last = key.split(".") if key != "$or" else [key]
        for step in path:
            next_target = target.setdefault(step, {})
            if not isinstance(next_target, dict):
                break
            target = next_target
        if isinstance(inner, dict) and isinstance(target.get(last), dict):
            target[last].update(inner)
        else:
            target[last] = inner
    return result


def _unfolded_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _unfolded(value)
    if isinstance(value, list):
        return [_unfolded_value(element) for element in value]
    return value
