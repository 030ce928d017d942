"""The keys that a rule's queries compare, each with the key before it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from stackproof.checks.guard.lexer import Token
from stackproof.checks.guard.source import RuleFile

START = ""
"""Stands before a key that begins a query: what surrounds it gives the context."""

_VALUES = {"==", "!=", "in", "IN", "=", ":="}


@functools.lru_cache(maxsize=4096)
def compared_keys(file: RuleFile, rule: str) -> tuple[Mapping[str, frozenset[str]], frozenset[str]]:
    """For each key in the rule's queries the keys that may stand before it, and the keys that are compared.

    A key that only leads to another one, or opens a block, is not compared itself. The ``Type`` of a
    resource filter does not count: it says which resources the rule is about.
    """
    before: dict[str, set[str]] = {}
    ends: set[str] = set()
    body = [token for statement in file.closure(rule) for token in statement.body]
    for index, token in enumerate(body):
        if _is_key(body, index) and not _selects(body, index):
            before.setdefault(token.value, set()).add(_previous(body, index))
            if not _leads_on(body, index):
                ends.add(token.value)
    return {key: frozenset(found) for key, found in before.items()}, frozenset(ends)


def _is_key(body: Sequence[Token], index: int) -> bool:
    token = body[index]
    if token.kind == "word":
        return True
    if token.kind != "string" or not index or index + 1 >= len(body):
        return False
    previous, following = body[index - 1].text, body[index + 1].text
    if previous == "[" and following == "]":
        return index > 1 and body[index - 2].text not in _VALUES
    return previous == "."


def _selects(body: Sequence[Token], index: int) -> bool:
    """Whether a ``Type`` stands in the filter of ``Resources.*``."""
    if body[index].text != "Type" or body[index - 1].text == ".":
        return False
    depth = 0
    for position in range(index - 1, 2, -1):
        text = body[position].text
        if text == "]":
            depth += 1
        elif text == "[":
            depth -= 1
            if depth < 0:
                return [t.text for t in body[position - 3 : position]] == ["Resources", ".", "*"]
        elif text in {"{", "}"}:
            return False
    return False


def _previous(body: Sequence[Token], index: int) -> str:
    position = index - 1
    if (body[position].text == "[" and body[index].kind == "string") or body[position].text == ".":
        position -= 1
    else:
        return START
    while position > 0 and body[position].text == "]":
        position = _opening(body, position) - 1
    token = body[position]
    return token.value if position >= 0 and token.kind in {"word", "string"} else START


def _opening(body: Sequence[Token], closing: int) -> int:
    depth = 0
    for position in range(closing, -1, -1):
        depth += {"]": 1, "[": -1}.get(body[position].text, 0)
        if depth == 0:
            return position
    return 0


def _leads_on(body: Sequence[Token], index: int) -> bool:
    position = index + 1
    if position < len(body) and body[position].text == "]" and body[index].kind == "string":
        position += 1
    while position < len(body) and body[position].text == "[":
        depth = 0
        while position < len(body):
            depth += {"[": 1, "]": -1}.get(body[position].text, 0)
            position += 1
            if depth == 0:
                break
    return position < len(body) and body[position].text in {".", "{"}
