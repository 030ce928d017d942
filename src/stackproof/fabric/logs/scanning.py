"""Reads the text of a filter pattern: values, names, and expressions with ``&&``, ``||`` and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stackproof.fabric.logs.comparing import OPERATORS, InvalidPattern, Wanted, check

_WORD = re.compile(r"[^\s\"%,&|(){}\[\]=<>!]+")


class Scanner:
    """A place in a pattern's text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def blank(self) -> None:
        """Pass over white space."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self, token: str) -> bool:
        """Whether a token comes next (after white space)."""
        self.blank()
        return self.text.startswith(token, self.at)

    def take(self, token: str) -> bool:
        """Take a token if it comes next."""
        found = self.peek(token)
        if found:
            self.at += len(token)
        return found

    def expect(self, token: str) -> None:
        """Take a token or raise ``InvalidPattern``."""
        if not self.take(token):
            rest = self.text[self.at : self.at + 20] or "the end"
            raise InvalidPattern(f"'{token}' expected at '{rest}'")

    def done(self) -> bool:
        """Whether nothing is left."""
        self.blank()
        return self.at >= len(self.text)

    def match(self, pattern: re.Pattern[str]) -> str:
        """Take what a regular expression matches, "" when it does not."""
        self.blank()
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()

    def quoted(self, mark: str = '"') -> str:
        """What stands between two marks; a backslash takes the meaning of the next character."""
        self.expect(mark)
        found: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\" and mark == '"' and self.text[self.at + 1 : self.at + 2] in ('"', "\\"):
                found.append(self.text[self.at + 1])
                self.at += 2
                continue
            self.at += 1
            if char == mark:
                return "".join(found)
            found.append(char)
        raise InvalidPattern(f"{mark} is not closed")

    def wanted(self) -> Wanted:
        """The right side of a comparison."""
        if self.peek('"'):
            return Wanted("text", self.quoted())
        if self.peek("%"):
            return Wanted("regex", self.quoted("%"))
        word = self.match(_WORD)
        if not word:
            raise InvalidPattern(f"a value expected at '{self.text[self.at : self.at + 20]}'")
        return Wanted("word", word)

    def operator(self) -> str:
        """A comparison operator, "" when there is none."""
        return next((one for one in OPERATORS if self.take(one)), "")

    def comparison(self) -> tuple[str, Wanted]:
        """An operator with its right side, checked."""
        operator = self.operator()
        if not operator:
            raise InvalidPattern(f"an operator expected at '{self.text[self.at : self.at + 20]}'")
        wanted = self.wanted()
        check(operator, wanted)
        return operator, wanted


@dataclass(frozen=True, slots=True)
class Joined:
    """Expressions joined by ``&&`` or ``||``; the leaves are whatever ``leaf`` reads."""

    operator: str
    parts: tuple[Any, ...]

    def holds(self, leaf: Callable[[Any], bool]) -> bool:
        """The whole expression, each leaf judged by ``leaf``."""
        found = (part.holds(leaf) if isinstance(part, Joined) else leaf(part) for part in self.parts)
        return all(found) if self.operator == "&&" else any(found)

    def leaves(self) -> list[Any]:
        """Every leaf, from left to right."""
        found: list[Any] = []
        for part in self.parts:
            found += part.leaves() if isinstance(part, Joined) else [part]
        return found


def expression(scanner: Scanner, leaf: Callable[[Scanner], Any]) -> Joined:
    """``leaf && (leaf || leaf)``: parentheses first, then ``&&``, then ``||``."""
    return Joined(
        "||", _many(scanner, "||", lambda: Joined("&&", _many(scanner, "&&", lambda: _one(scanner, leaf))))
    )


def _one(scanner: Scanner, leaf: Callable[[Scanner], Any]) -> Any:
    if not scanner.take("("):
        return leaf(scanner)
    found = expression(scanner, leaf)
    scanner.expect(")")
    return found


def _many(scanner: Scanner, operator: str, part: Callable[[], Any]) -> tuple[Any, ...]:
    found = [part()]
    while scanner.take(operator):
        found.append(part())
    return tuple(found)
