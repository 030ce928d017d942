"""Rule expressions of composite alarms. Source: API reference, PutCompositeAlarm, ``AlarmRule``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from stackproof.fabric.cloudwatch import errors
from stackproof.fabric.cloudwatch.alarm import ALARM, INSUFFICIENT, OK

_TOKEN = re.compile(r'\s*(?:(?P<sign>[(),])|"(?P<text>[^"]*)"|(?P<word>[^\s(),"]+))')
_STATES = {OK: OK, ALARM: ALARM, INSUFFICIENT: INSUFFICIENT}


@dataclass(frozen=True, slots=True)
class Rule:
    """``holds`` is asked with a function from an alarm's name (or ARN) to its state."""

    holds: Callable[[Callable[[str], str]], bool]
    names: tuple[str, ...]


@lru_cache(maxsize=256)
def parse(text: str) -> Rule:
    """A rule; raises ValidationError."""
    reader = _Reader(text)
    rule = reader.either()
    if reader.peek():
        raise reader.wrong()
    return rule


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        self._at = 0
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None:
                raise self.wrong()
            self._tokens.append(match["sign"] or match["word"] or match["text"] or "")
            place = match.end()

    def wrong(self) -> Exception:
        return errors.validation(f"AlarmRule must not contain malformed expressions: {self._text}")

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, expected: str = "") -> str:
        found = self.peek()
        if not found or (expected and found != expected):
            raise self.wrong()
        self._at += 1
        return found

    def either(self) -> Rule:
        """OR binds least."""
        rule = self._both()
        while self.peek().upper() == "OR":
            self._take()
            rule = _joined(rule, self._both(), any)
        return rule

    def _both(self) -> Rule:
        rule = self._one()
        while self.peek().upper() == "AND":
            self._take()
            rule = _joined(rule, self._one(), all)
        return rule

    def _one(self) -> Rule:
        word = self._take()
        if word == "(":
            rule = self.either()
            self._take(")")
            return rule
        if word.upper() == "NOT":
            inner = self._one()
            return Rule(lambda state: not inner.holds(state), inner.names)
        if word.upper() in ("TRUE", "FALSE"):
            value = word.upper() == "TRUE"
            return Rule(lambda state: value, ())
        if word.upper() == "AT_LEAST":
            raise errors.not_emulated("AT_LEAST in an alarm rule")
        if word.upper() not in _STATES:
            raise self.wrong()
        wanted = _STATES[word.upper()]
        self._take("(")
        name = self._take()
        self._take(")")
        return Rule(lambda state: state(name) == wanted, (name,))


def _joined(left: Rule, right: Rule, how: Callable[[tuple[bool, bool]], bool]) -> Rule:
    return Rule(lambda state: how((left.holds(state), right.holds(state))), left.names + right.names)
