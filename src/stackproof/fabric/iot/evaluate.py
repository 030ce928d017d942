"""What statements and templates of topic rules come to for a message.

``UNDEFINED`` is what AWS IoT SQL calls Undefined: nothing with it is true, and a field of it is left out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.fabric.iot import sql
from stackproof.fabric.iot.sql import Call, Literal, Made, Node, Path, Statement


class _Undefined:
    def __repr__(self) -> str:
        return "Undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED = _Undefined()


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a rule sees it. ``document`` is the decoded payload, UNDEFINED when it is no JSON."""

    topic: str
    payload: bytes
    document: Any
    ms: int
    account: str
    client: str = ""
    uuid: str = ""


def decoded(payload: bytes) -> Any:
    """The JSON of a payload; UNDEFINED when it is none."""
    try:
        return json.loads(payload)
    except ValueError:
        return UNDEFINED


def select(statement: Statement, message: Message) -> bytes | None:
    """What the rule's actions get; None when its WHERE does not hold."""
    if statement.where is not None and value(statement.where, message) is not True:
        return None
    if statement.whole and not statement.value:
        return message.payload
    if statement.value:
        found = value(statement.fields[0][0], message)
        return None if found is UNDEFINED else _bytes(found)
    result: dict[str, Any] = {}
    for node, key in statement.fields:
        found = value(node, message)
        if node == Path(()):
            if isinstance(found, Mapping):
                result.update(found)
        elif found is not UNDEFINED:
            _put(result, key, found)
    return _bytes(result)


def _put(result: dict[str, Any], key: str, found: Any) -> None:
    *outer, last = key.split(".")
    for part in outer:
        result = result.setdefault(part, {})
    result[last] = found


def _bytes(found: Any) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def filled(template: str, message: Message) -> str:
    """A text with its ``${…}`` filled; an undefined one is the text ``Undefined``, as AWS writes it."""

    def fill(match: re.Match[str]) -> str:
        found = value(sql.expression(match[1]), message)
        return "Undefined" if found is UNDEFINED else text(found)

    return re.sub(r"\$\{([^}]*)\}", fill, template)


def text(found: Any) -> str:
    """A value as text."""
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))


def value(node: Node, message: Message) -> Any:
    """The value of an expression."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Path):
        return _walk(message.document, node.steps)
    if isinstance(node, Made):
        if node.pairs is None:
            return [value(item, message) for item in node.items]
        found = {key: value(item, message) for key, item in node.pairs}
        return {key: one for key, one in found.items() if one is not UNDEFINED}
    if node.name in _LAZY:
        return _LAZY[node.name](node.arguments, message)
    arguments = [value(argument, message) for argument in node.arguments]
    if node.name in _OF_MESSAGE:
        return _OF_MESSAGE[node.name](message, *arguments)
    work = _PLAIN[node.name]
    if node.name not in _TAKES_UNDEFINED and any(one is UNDEFINED for one in arguments):
        return UNDEFINED
    try:
        return work(*arguments)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return UNDEFINED


def check(node: Node) -> None:
    """Raise ``Beyond`` or ``Malformed`` for a function that cannot be called."""
    if isinstance(node, Made):
        for item in (*node.items, *(item for _, item in node.pairs or ())):
            check(item)
    if not isinstance(node, Call):
        return
    if node.name in _ELSEWHERE:
        raise sql.Beyond(f"the function {node.name}")
    if node.name not in _PLAIN and node.name not in _OF_MESSAGE and node.name not in _LAZY:
        raise sql.Malformed(f"there is no function {node.name}")
    for argument in node.arguments:
        check(argument)


def _walk(found: Any, steps: tuple[Any, ...]) -> Any:
    for step in steps:
        found = _get(found, step)
    return found


def _get(found: Any, step: Any) -> Any:
    if isinstance(found, Mapping):
        return found.get(str(step), UNDEFINED)
    if isinstance(found, list | str) and isinstance(step, int) and 0 <= step < len(found):
        return found[step]
    return UNDEFINED


# Operators and functions.


def _both(arguments: tuple[Node, ...], message: Message) -> Any:
    return all(value(one, message) is True for one in arguments)


def _either(arguments: tuple[Node, ...], message: Message) -> Any:
    return any(value(one, message) is True for one in arguments)


def _case(arguments: tuple[Node, ...], message: Message) -> Any:
    subject, *rest = arguments
    wanted = value(subject, message)
    while len(rest) > 1:
        test, result, *rest = rest
        if _equal(wanted, value(test, message)):
            return value(result, message)
    return value(rest[0], message) if rest else UNDEFINED


def _number(found: Any) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        raise TypeError
    return float(found) if isinstance(found, str) else found


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _compare(work: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return work(left, right)
        return work(_number(left), _number(right))

    return apply


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return text(left) + text(right)
    return _number(left) + _number(right)


def _cast(found: Any, kind: str) -> Any:
    if kind in ("int", "integer"):
        return int(_number(found))
    if kind == "decimal":
        return float(_number(found))
    if kind == "string":
        return text(found)
    if kind in ("bool", "boolean"):
        lowered = text(found).lower()
        return {"true": True, "false": False}.get(lowered, UNDEFINED)
    return UNDEFINED


def _round(found: Any) -> int:
    return math.floor(_number(found) + 0.5)


def _substring(found: str, start: int, end: int | None = None) -> str:
    return found[max(start, 0) : end]


def _index(found: str, part: str) -> int:
    return found.find(part)


def _encode(found: Any, kind: str) -> Any:
    return base64.b64encode(text(found).encode()).decode() if kind == "base64" else UNDEFINED


def _decode(found: str, kind: str) -> Any:
    return base64.b64decode(found).decode() if kind == "base64" else UNDEFINED


def _digest(name: str) -> Callable[[str], str]:
    return lambda found: hashlib.new(name, found.encode()).hexdigest()


def _topic(message: Message, level: int | None = None) -> Any:
    if level is None:
        return message.topic
    levels = message.topic.split("/")
    return levels[level - 1] if 0 < level <= len(levels) else UNDEFINED


def _client(message: Message) -> str:
    return message.client or "N/A"


_LAZY: Mapping[str, Callable[[tuple[Node, ...], Message], Any]] = {
    "and": _both, "or": _either, "case": _case,
}  # fmt: skip
_OF_MESSAGE: Mapping[str, Callable[..., Any]] = {
    "topic": _topic,
    "timestamp": lambda message: message.ms,
    "clientid": _client,
    "accountid": lambda message: message.account,
    "newuuid": lambda message: message.uuid,
    "traceid": lambda message: message.uuid,
}
_TAKES_UNDEFINED = frozenset({"isundefined", "coalesce", "isnull"})
_PLAIN: Mapping[str, Callable[..., Any]] = {
    "not": lambda found: not found if isinstance(found, bool) else UNDEFINED,
    "=": _equal,
    "<>": lambda left, right: not _equal(left, right),
    "<": _compare(lambda left, right: left < right),
    "<=": _compare(lambda left, right: left <= right),
    ">": _compare(lambda left, right: left > right),
    ">=": _compare(lambda left, right: left >= right),
    "+": _plus,
    "||": _plus,
    "-": lambda left, right: _number(left) - _number(right),
    "*": lambda left, right: _number(left) * _number(right),
    "/": lambda left, right: _number(left) / _number(right),
    "%": lambda left, right: math.fmod(_number(left), _number(right)),
    "mod": lambda left, right: math.fmod(_number(left), _number(right)),
    "get": _get,
    "cast": _cast,
    "abs": lambda found: abs(_number(found)),
    "ceil": lambda found: math.ceil(_number(found)),
    "floor": lambda found: math.floor(_number(found)),
    "round": _round,
    "sqrt": lambda found: math.sqrt(_number(found)),
    "power": lambda left, right: _number(left) ** _number(right),
    "sign": lambda found: (_number(found) > 0) - (_number(found) < 0),
    "trunc": lambda found, places=0: math.trunc(_number(found) * 10**places) / 10**places,
    "lower": lambda found: text(found).lower(),
    "upper": lambda found: text(found).upper(),
    "trim": lambda found: text(found).strip(),
    "ltrim": lambda found: text(found).lstrip(),
    "rtrim": lambda found: text(found).rstrip(),
    "length": lambda found: len(text(found)),
    "numbytes": lambda found: len(text(found).encode()),
    "concat": lambda *found: "".join(map(text, found)),
    "substring": _substring,
    "startswith": lambda found, part: found.startswith(part),
    "endswith": lambda found, part: found.endswith(part),
    "indexof": _index,
    "replace": lambda found, old, new: found.replace(old, new),
    "regexp_matches": lambda found, pattern: re.search(pattern, text(found)) is not None,
    "regexp_replace": lambda found, pattern, new: re.sub(pattern, new, text(found)),
    "regexp_substr": lambda found, pattern: (re.search(pattern, found) or [UNDEFINED])[0],
    "isnull": lambda found: found is None,
    "isundefined": lambda found: found is UNDEFINED,
    "coalesce": lambda *found: next((one for one in found if one not in (UNDEFINED, None)), UNDEFINED),
    "nanvl": lambda found, other: found if isinstance(found, int | float) else other,
    "encode": _encode,
    "decode": _decode,
    **{name: _digest(name) for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")},
}
_ELSEWHERE = frozenset({
    "aws_lambda", "get_thing_shadow", "get_dynamodb", "get_secret", "get_mqtt_property",
    "get_user_properties", "get_registry_data", "machinelearning_predict", "parse_time", "time_to_epoch",
    "to_char", "transform", "bitand", "bitor", "bitxor", "bitnot", "chr", "lpad", "rpad", "rand", "acos",
    "asin", "atan", "atan2", "cos", "cosh", "sin", "sinh", "tan", "tanh", "exp", "ln", "log", "remainder",
    "sourceip", "principal", "mqttserializationformat", "md2", "warning",
})  # fmt: skip
