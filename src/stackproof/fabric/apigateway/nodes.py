"""What a mapping template is made of once it is read: values that a scope answers, and parts that print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from stackproof.fabric.apigateway import methods

Scope = MutableMapping[str, Any]
Value = Callable[[Scope], Any]
Part = Callable[[Scope, list[str]], None]
"""Something of a template: adds its text to a list."""

OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b or (a is not None and b is not None and shown(a) == shown(b)),
    "!=": lambda a, b: not OPERATIONS["=="](a, b),
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "-": lambda a, b: a - b, "*": lambda a, b: a * b, "%": lambda a, b: a % b,
    "/": lambda a, b: a // b if isinstance(a, int) and isinstance(b, int) else a / b,
    "+": lambda a, b: shown(a) + shown(b) if isinstance(a, str) or isinstance(b, str) else a + b,
}  # fmt: skip


def shown(value: Any) -> str:
    """A value as a template prints it: objects as Java shows them, lists as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{key}={'null' if one is None else shown(one)}" for key, one in value.items())
            + "}"
        )
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


class Stop(Exception):
    """``#stop`` and ``#return``."""


class Break(Exception):
    """``#break``."""


class Range:
    """``[1..3]``."""

    def __init__(self, first: Value, last: Value) -> None:
        self._ends = first, last

    def __call__(self, scope: Scope) -> list[int]:
        first, last = (end(scope) for end in self._ends)
        return list(range(first, last + 1)) if first <= last else list(range(first, last - 1, -1))


def true(value: Any) -> bool:
    """What a condition makes of a value: everything but false and null."""
    return value is not None and value is not False


def text(plain: str) -> Part:
    """Text as it is."""
    return lambda scope, out: out.append(plain)


def printed(value: Value) -> Part:
    """The text of a value."""
    return lambda scope, out: out.append(shown(value(scope)))


def raising(kind: type[Exception]) -> Part:
    """Ends something."""

    def run(scope: Scope, out: list[str]) -> None:
        raise kind

    return run


def assigned(path: tuple[str, ...], value: Value) -> Part:
    """``#set`` of a variable, or of a member of one."""

    def run(scope: Scope, out: list[str]) -> None:
        target: Any = scope
        for name in path[:-1]:
            if not isinstance(target.get(name), MutableMapping):
                target[name] = {}
            target = target[name]
        target[path[-1]] = value(scope)

    return run


def binary(operator: str, left: Value, right: Value) -> Value:
    """Two values with an operator between them."""
    if operator == "&&":
        return lambda scope: true(left(scope)) and true(right(scope))
    if operator == "||":
        return lambda scope: true(left(scope)) or true(right(scope))
    run = OPERATIONS[operator]
    return lambda scope: run(left(scope), right(scope))


def variable(name: str) -> Value:
    """A variable, None when there is none."""
    return lambda scope: scope.get(name)


def member(value: Value, name: str) -> Value:
    """A property of a value."""
    return lambda scope: methods.member(value(scope), name)


def indexed(value: Value, index: Value) -> Value:
    """``value[index]``."""
    return lambda scope: methods.call(value(scope), "get", [index(scope)])


def called(value: Value, name: str, arguments: list[Value]) -> Value:
    """``value.name(…)``."""
    return lambda scope: methods.call(value(scope), name, [one(scope) for one in arguments])


def items(value: Any) -> Iterator[Any]:
    """What ``#foreach`` goes over."""
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple)):
        yield from value
