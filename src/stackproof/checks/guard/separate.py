"""Rules that can be asked about one resource at a time, read from their tokens; when in doubt, they cannot.

A rule of the plain form ``when %x !empty { %x.Properties { … } }`` says of each resource what it would say
if that resource stood alone. What couples resources is left to be asked together: a condition on other
resources than those that are judged, an ``or`` between whole queries, a test of how many there are.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stackproof.checks.guard.lexer import Token
from stackproof.checks.guard.reach import independent, literal_lets
from stackproof.checks.guard.source import RuleFile

_OPERATORS = {"not", "exists", "in", "true", "false", "null"}
_PAIRS = {"{": "}", "[": "]"}

Guard = frozenset[str]
"""The variables one of which must not be empty."""


@functools.lru_cache(maxsize=4096)
def separable(file: RuleFile, rule: str) -> bool:
    """Whether a rule surely gives each resource the answer that it gets when it stands alone."""
    if not independent(file, rule):
        return False
    needed = file.closure(rule)
    statements = [statement for statement in needed if statement.kind == "rule"]
    if len(statements) != 1 or statements[0].parameters:
        return False
    lets = [statement for statement in needed if statement.kind == "let"]
    known = literal_lets([token for statement in lets for token in statement.body])
    sets = frozenset(statement.name for statement in lets if statement.name not in known)
    body = [token for token in statements[0].body[2:] if token.kind != "message"]
    try:
        _Scan(body, sets).run()
    except _Coupled:
        return False
    return True


class _Coupled(Exception):
    """The rule may look at several resources together."""


@dataclass(slots=True)
class _Scan:
    """A walk over the tokens of a rule behind its name. ``sets`` are the variables that hold resources."""

    body: Sequence[Token]
    sets: frozenset[str]
    at: int = 0

    def run(self) -> None:
        """Raises ``_Coupled`` at the first thing that is not of the plain form."""
        self._guarded(())

    def _guarded(self, guards: tuple[Guard, ...]) -> None:
        """``[when CONDITIONS] { STATEMENTS }``."""
        if self._text() == "when":
            self.at += 1
            guards = (*guards, *self._conditions())
        self._expect("{")
        while self._text() != "}":
            if self._text() == "when":
                self._guarded(guards)
            else:
                self._token(guards)
        self.at += 1

    def _conditions(self) -> Iterator[Guard]:
        """``%a !empty or %b not empty`` and more of the kind, up to the block."""
        found: list[set[str]] = []
        joined = False
        while self._text() != "{":
            token = self._next()
            if token.kind != "variable" or token.value not in self.sets:
                raise _Coupled
            if self._text() not in {"!", "not", "NOT"}:
                raise _Coupled
            self.at += 1
            self._expect("empty")
            if joined:
                found[-1].add(token.value)
            else:
                found.append({token.value})
            joined = self._text() in {"or", "OR"}
            self.at += joined
        return (frozenset(names) for names in found)

    def _token(self, guards: tuple[Guard, ...]) -> None:
        """One token of a clause, or all that stands in brackets behind it."""
        before = self.body[self.at - 1].text
        token = self._next()
        if token.text in _PAIRS:
            self._inside(token.text)
        elif token.kind == "variable":
            if token.value in self.sets and not (
                self._text() in {".", "[", "{"} and all(token.value in guard for guard in guards)
            ):
                raise _Coupled
        elif token.kind == "type" or (token.kind == "word" and not _harmless(token, before)):
            raise _Coupled

    def _inside(self, opening: str) -> None:
        """To the closing bracket; nothing in between may look outside the resource."""
        depth = 1
        while depth:
            token = self._next()
            depth += {opening: 1, _PAIRS[opening]: -1}.get(token.text, 0)
            if (token.kind == "variable" and token.value in self.sets) or token.text == "Resources":
                raise _Coupled

    def _text(self) -> str:
        if self.at >= len(self.body):
            raise _Coupled
        return self.body[self.at].text

    def _next(self) -> Token:
        self._text()
        self.at += 1
        return self.body[self.at - 1]

    def _expect(self, text: str) -> None:
        if self._next().text.lower() != text:
            raise _Coupled


def _harmless(token: Token, before: str) -> bool:
    """Whether a word outside of any block is a key behind a dot, or an operator on single values."""
    return before == "." or token.text.lower() in _OPERATORS or token.text.lower().startswith("is_")
