"""Comparisons of filter patterns: texts with a ``*`` at their ends, numbers, regular expressions.

Source: CloudWatch Logs user guide, "Filter pattern syntax": a ``*`` stands for any text at the beginning or
the end of a value only; between percent signs stands a regular expression of a small language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

OPERATORS = ("<=", ">=", "!=", "=", "<", ">")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_REGEX_CHARACTERS = re.compile(
    r"(?:[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|*+.]|\\x[0-9A-Fa-f]{2}|\\[dDsSwW^$?\[\]{}|*+.\\/\-])*"
)


class InvalidPattern(ValueError):
    """A filter pattern that CloudWatch Logs would refuse; the message says why."""


@cache
def regex(text: str) -> re.Pattern[str]:
    """The regular expression between two percent signs; raises ``InvalidPattern``."""
    if not text or _REGEX_CHARACTERS.fullmatch(text) is None:
        raise InvalidPattern(f"Invalid character(s) in regular expression '%{text}%'")
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise InvalidPattern(f"Invalid regular expression '%{text}%': {error}") from error


def number(text: str) -> Decimal | None:
    """A text as a number, None when it is none."""
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The right side of a comparison. ``kind`` is ``text`` (quoted), ``word`` or ``regex``."""

    kind: str
    text: str

    def equals(self, value: str, amount: Decimal | None) -> bool:
        """Whether a value (a number too, where ``amount`` is given) is what is wanted."""
        if self.kind == "regex":
            return regex(self.text).search(value) is not None
        mine = number(self.text) if self.kind == "word" else None
        if mine is not None and amount is not None:
            return mine == amount
        return _like(value, self.text)


def _like(value: str, wanted: str) -> bool:
    if wanted == "*":
        return True
    head, tail = wanted.startswith("*"), wanted.endswith("*")
    core = wanted[1 if head else 0 : len(wanted) - 1 if tail else len(wanted)]
    if head and tail:
        return core in value
    if head:
        return value.endswith(core)
    return value.startswith(core) if tail else value == wanted


def holds(operator: str, wanted: Wanted, value: str, amount: Decimal | None) -> bool:
    """``value operator wanted``; order is of numbers only."""
    if operator == "=":
        return wanted.equals(value, amount)
    if operator == "!=":
        return not wanted.equals(value, amount)
    limit = number(wanted.text)
    if amount is None or limit is None:
        return False
    if operator == "<":
        return amount < limit
    if operator == ">":
        return amount > limit
    return amount <= limit if operator == "<=" else amount >= limit


def check(operator: str, wanted: Wanted) -> None:
    """Raise ``InvalidPattern`` for a comparison that makes no sense."""
    if wanted.kind == "regex":
        regex(wanted.text)
    if operator not in ("=", "!=") and (wanted.kind != "word" or number(wanted.text) is None):
        raise InvalidPattern(f"'{operator}' compares with a number, not with '{wanted.text}'")
