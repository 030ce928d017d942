"""Filter patterns of JSON: ``{ ($.user.id = 1 || $.users[0].name = J*) && $.error NOT EXISTS }``.

The selector of a comparison must find a text, a number or a boolean: where it finds an object, an array,
null or nothing, the comparison does not hold, not even ``!=``. Source: CloudWatch Logs user guide, "Using
filter patterns to match terms in JSON log events".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stackproof.fabric.logs.comparing import InvalidPattern, Wanted, holds
from stackproof.fabric.logs.scanning import Joined, Scanner, expression

_PROPERTY = re.compile(r"[\w-]+")
_INDEX = re.compile(r"\d+", re.ASCII)
_KEYWORDS = {
    "IS NULL": re.compile(r"IS\s+NULL\b", re.IGNORECASE),
    "IS TRUE": re.compile(r"IS\s+TRUE\b", re.IGNORECASE),
    "IS FALSE": re.compile(r"IS\s+FALSE\b", re.IGNORECASE),
    "NOT EXISTS": re.compile(r"NOT\s+EXISTS\b", re.IGNORECASE),
}
_NOTHING = object()

Selector = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """``selector operator wanted``, or a selector with one of the keywords."""

    selector: Selector
    operator: str
    wanted: Wanted | None = None

    def holds(self, document: Any) -> bool:
        """Whether a document passes."""
        value = find(document, self.selector)
        if self.operator == "NOT EXISTS":
            return value is _NOTHING
        if self.operator in _KEYWORDS:
            return value is {"IS NULL": None, "IS TRUE": True, "IS FALSE": False}[self.operator]
        assert self.wanted is not None  # comparisons have one
        if value is _NOTHING or value is None or isinstance(value, dict | list):
            return False
        amount = value if isinstance(value, Decimal) else None
        return holds(self.operator, self.wanted, shown(value), amount)


@dataclass(frozen=True, slots=True)
class Documents:
    """A parsed pattern of JSON."""

    condition: Joined

    def matches(self, message: str) -> bool:
        """Whether a message is a JSON document that satisfies the condition."""
        return self.extract(message) is not None

    def extract(self, message: str) -> dict[str, str] | None:
        """The values that the pattern looks at, by their selectors; None without a match."""
        try:
            document = json.loads(message, parse_float=Decimal, parse_int=Decimal)
        except ValueError:
            return None
        if not isinstance(document, dict | list):
            return None
        if not self.condition.holds(lambda check: bool(check.holds(document))):
            return None
        found = {check.selector: find(document, check.selector) for check in self.condition.leaves()}
        return {
            written(selector): shown(value)
            for selector, value in found.items()
            if value is not _NOTHING and not isinstance(value, dict | list)
        }

    def regexes(self) -> int:
        """How many regular expressions it has."""
        leaves = self.condition.leaves()
        return sum(one.wanted is not None and one.wanted.kind == "regex" for one in leaves)


def find(document: Any, selector: Selector) -> Any:
    """What a selector finds; a private mark when it finds nothing."""
    node = document
    for step in selector:
        if isinstance(step, int):
            if not isinstance(node, list) or step >= len(node):
                return _NOTHING
            node = node[step]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            return _NOTHING
    return node


def shown(value: Any) -> str:
    """A JSON scalar as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def written(selector: Selector) -> str:
    """A selector as it is written: ``$.users[0].id``."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in selector)
    return f"${''.join(parts)}"


def selector(scanner: Scanner) -> Selector:
    """A selector; raises ``InvalidPattern``."""
    scanner.expect("$")
    found: list[str | int] = []
    while scanner.at < len(scanner.text) and scanner.text[scanner.at] in ".[":
        if scanner.text[scanner.at] == ".":
            scanner.at += 1
            if scanner.text[scanner.at : scanner.at + 1] != "[":
                name = scanner.match(_PROPERTY)
                if not name:
                    raise InvalidPattern("a property expected behind '.'")
                found.append(name)
                continue
        scanner.expect("[")
        if scanner.peek("'") or scanner.peek('"'):
            found.append(scanner.quoted("'" if scanner.peek("'") else '"'))
        else:
            index = scanner.match(_INDEX)
            if not index:
                raise InvalidPattern("a number expected behind '['")
            found.append(int(index))
        scanner.expect("]")
    if not found:
        raise InvalidPattern("a property expected behind '$'")
    return tuple(found)


def parse(text: str) -> Documents:
    """A condition from a text in braces; raises ``InvalidPattern``."""
    scanner = Scanner(text)
    scanner.expect("{")
    condition = expression(scanner, _check)
    scanner.expect("}")
    if not scanner.done():
        raise InvalidPattern("nothing may stand behind the closing brace")
    return Documents(condition)


def _check(scanner: Scanner) -> Check:
    place = selector(scanner)
    for keyword, pattern in _KEYWORDS.items():
        if scanner.match(pattern):
            return Check(place, keyword)
    return Check(place, *scanner.comparison())
