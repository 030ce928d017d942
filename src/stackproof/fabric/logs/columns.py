"""Filter patterns of columns: ``[ip, user, ..., status = 4*, bytes > 1000]``.

An event's columns stand between blanks; what is in brackets or double quotes is one column. There must be
as many as the pattern names, but for ``...``. Source: CloudWatch Logs user guide, "Using metric filters to
extract values from space-delimited log events".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackproof.fabric.logs.comparing import InvalidPattern, Wanted, holds, number
from stackproof.fabric.logs.scanning import Joined, Scanner, expression

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_COLUMN = re.compile(r"\[([^\]]*)\](?=\s|$)|\"([^\"]*)\"(?=\s|$)|(\S+)")


@dataclass(frozen=True, slots=True)
class Test:
    """``name operator wanted``."""

    name: str
    operator: str
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``rest`` stands for ``...``."""

    name: str = ""
    condition: Joined | None = None
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """A parsed pattern of columns."""

    columns: tuple[Column, ...]

    def matches(self, message: str) -> bool:
        """Whether a message has these columns with these values."""
        return self.extract(message) is not None

    def extract(self, message: str) -> dict[str, str] | None:
        """The values by name (``$ip``, a column without a name by its number); None without a match."""
        placed = self._placed(split(message))
        if placed is None:
            return None
        values = {(column.name or str(index)): value for index, (column, value) in enumerate(placed, 1)}

        def good(test: Test) -> bool:
            value = values.get(test.name)
            return value is not None and holds(test.operator, test.wanted, value, number(value))

        if all(column.condition is None or column.condition.holds(good) for column in self.columns):
            return {f"${name}": value for name, value in values.items()}
        return None

    def _placed(self, values: list[str]) -> list[tuple[Column, str]] | None:
        columns = list(self.columns)
        rest = next((index for index, one in enumerate(columns) if one.rest), None)
        if rest is not None:
            missing = len(values) - (len(columns) - 1)
            columns[rest : rest + 1] = [Column()] * max(missing, 0)
            if missing < 0:
                return None
        if len(columns) != len(values):
            return None
        return list(zip(columns, values, strict=True))

    def regexes(self) -> int:
        """How many regular expressions it has."""
        found = [one.condition.leaves() for one in self.columns if one.condition is not None]
        return sum(test.wanted.kind == "regex" for tests in found for test in tests)


def split(message: str) -> list[str]:
    """The columns of a message."""
    found = _COLUMN.finditer(message)
    return [next((group for group in one.groups() if group is not None), "") for one in found]


def parse(text: str) -> Columns:
    """Columns from a text in brackets; raises ``InvalidPattern``."""
    scanner = Scanner(text)
    scanner.expect("[")
    found = [_column(scanner)]
    while scanner.take(","):
        found.append(_column(scanner))
    scanner.expect("]")
    if not scanner.done():
        raise InvalidPattern("nothing may stand behind the closing bracket")
    if sum(one.rest for one in found) > 1:
        raise InvalidPattern("'...' may stand only once")
    if len(found) == 1 and found[0] == Column():
        return Columns((Column(rest=True),))
    return Columns(tuple(found))


def _column(scanner: Scanner) -> Column:
    if scanner.take("..."):
        return Column(rest=True)
    if scanner.peek(",") or scanner.peek("]"):
        return Column()
    start = scanner.at
    name = scanner.match(_NAME)
    if scanner.peek(",") or scanner.peek("]"):
        return Column(name)
    scanner.at = start
    return Column(name or _first(scanner, start), expression(scanner, _test))


def _first(scanner: Scanner, start: int) -> str:
    """The name of the column that a condition in parentheses is about."""
    found = re.compile(r"[\s(]*([A-Za-z0-9_-]+)").match(scanner.text, start)
    return found[1] if found else ""


def _test(scanner: Scanner) -> Test:
    name = scanner.match(_NAME)
    if not name:
        raise InvalidPattern(f"a column expected at '{scanner.text[scanner.at : scanner.at + 20]}'")
    return Test(name, *scanner.comparison())
