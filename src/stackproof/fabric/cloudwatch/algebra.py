"""Metric math: what expressions over metrics come to.

Source: user guide, "Using math expressions with metrics".

A value is a number, a time series, a list of time series, or a text. A series lacks the points where it has
no data; an operation of two series has points where both have one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.fabric.cloudwatch import errors
from stackproof.fabric.cloudwatch.grammar import Call, Listed, Name, Node, Number, Text, parse


@dataclass(frozen=True, slots=True)
class Series:
    """Values by the seconds at which their periods of ``period`` seconds begin."""

    values: Mapping[int, float]
    period: int
    label: str

    def map(self, work: Callable[[float], float | None]) -> Series:
        """Each value changed; None takes a point away."""
        found = {at: work(value) for at, value in self.values.items()}
        kept = {at: value for at, value in found.items() if value is not None}
        return Series(kept, self.period, self.label)

    def points(self) -> list[tuple[int, float]]:
        """By time."""
        return sorted(self.values.items())


Value = float | Series | list[Series] | str

_OPERATORS: dict[str, Callable[[float, float], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
    "&&": lambda a, b: bool(a) and bool(b), "||": lambda a, b: bool(a) or bool(b),
}  # fmt: skip


def _apply(sign: str, left: float, right: float) -> float | None:
    """None where the result is no number: such a point is missing."""
    try:
        if sign == "/":
            return left / right
        if sign == "^":
            found = left**right
            return found if isinstance(found, float) else None
        return float(_OPERATORS[sign](left, right))
    except (ZeroDivisionError, OverflowError):
        return None


class Algebra:
    """One evaluation from second ``start`` to ``end``. Add metrics and expressions, then ask for results."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.metrics: dict[str, Series] = {}
        self._expressions: dict[str, tuple[Node, int, str]] = {}
        self._open: list[str] = []
        self._done: dict[str, Value] = {}

    def metric(self, identifier: str, series: Series) -> None:
        """A metric of the request."""
        self.metrics[identifier] = series

    def expression(self, identifier: str, text: str, period: int, label: str) -> None:
        """An expression of the request; raises ValidationError when it cannot be read."""
        if text.lstrip().upper().startswith("SELECT"):
            raise errors.not_emulated("Metrics Insights queries")
        self._expressions[identifier] = (parse(text), period, label)

    def result(self, identifier: str) -> list[Series]:
        """What a metric or an expression comes to; raises ValidationError for one that makes no series."""
        value = self._value(identifier)
        label = self._expressions[identifier][2] if identifier in self._expressions else ""
        if isinstance(value, Series):
            return [Series(value.values, value.period, label or value.label)]
        if isinstance(value, list):
            return value
        raise errors.validation(
            f"Error in expression '{identifier}': the result must be a time series or an array of them"
        )

    def _value(self, identifier: str) -> Value:
        if identifier in self.metrics:
            return self.metrics[identifier]
        if identifier in self._done:
            return self._done[identifier]
        if identifier not in self._expressions or identifier in self._open:
            raise errors.validation(f"Error in expression: {identifier} is not known or names itself")
        self._open.append(identifier)
        self._done[identifier] = self.of(self._expressions[identifier][0])
        self._open.pop()
        return self._done[identifier]

    @property
    def period(self) -> int:
        """The period of the expression that is being worked out."""
        of_metrics = [series.period for series in self.metrics.values()]
        return max(of_metrics) if of_metrics else self._expressions[self._open[-1]][1]

    def of(self, node: Node) -> Value:
        """The value of a tree."""
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Text):
            return node.value
        if isinstance(node, Name):
            known = node.name in self.metrics or node.name in self._expressions
            return self._value(node.name) if known else self._word(node.name)
        if isinstance(node, Listed):
            return self._flat([self.of(item) for item in node.items])
        return self._called(node)

    @staticmethod
    def _word(name: str) -> Value:
        if name in ("REPEAT", "LINEAR", "ASC", "DSC", "AVG", "MIN", "MAX", "SUM"):
            return name
        raise errors.validation(f"Error in expression: {name} is not known")

    @staticmethod
    def _flat(values: list[Value]) -> list[Series]:
        found: list[Series] = []
        for value in values:
            if isinstance(value, list):
                found += value
            elif isinstance(value, Series):
                found.append(value)
            else:
                raise errors.validation("Error in expression: an array holds time series only")
        return found

    def _called(self, node: Call) -> Value:
        from stackproof.fabric.cloudwatch import functions

        if node.name in _OPERATORS or node.name in ("/", "^"):
            left, right = (self.of(argument) for argument in node.arguments)
            return combine(node.name, left, right)
        work = functions.TABLE.get(node.name)
        if work is None:
            raise errors.not_emulated(f"metric math function {node.name}")
        return work(self, [self.of(argument) for argument in node.arguments])


def combine(sign: str, left: Value, right: Value) -> Value:
    """An operator on two values; raises ValidationError for what it is not defined on."""
    if isinstance(left, str) or isinstance(right, str):
        raise errors.validation(f"Error in expression: {sign} is not defined for text")
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            raise errors.validation("Error in expression: arrays of different lengths")
        return [_series(combine(sign, a, b)) for a, b in zip(left, right, strict=True)]
    if isinstance(left, list):
        return [_series(combine(sign, one, right)) for one in left]
    if isinstance(right, list):
        return [_series(combine(sign, left, one)) for one in right]
    if isinstance(left, Series) and isinstance(right, Series):
        shared = {at: _apply(sign, value, right.values[at]) for at, value in left.values.items()
                  if at in right.values}  # fmt: skip
        kept = {at: value for at, value in shared.items() if value is not None}
        return Series(kept, left.period, left.label)
    if isinstance(left, Series):
        other = right
        return left.map(lambda value: _apply(sign, value, float(other)))  # type: ignore[arg-type]
    if isinstance(right, Series):
        number = left
        return right.map(lambda value: _apply(sign, number, value))
    found = _apply(sign, left, right)
    if found is None:
        raise errors.validation("Error in expression: division by zero")
    return found


def _series(value: Value) -> Series:
    assert isinstance(value, Series)  # a list's operation with a number or a series gives series
    return value
