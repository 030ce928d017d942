"""Values that a rule hands to a function: what it computes from an unknown no sample value can stand for."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from stackproof.checks.guard.ground import Owner, owner_of
from stackproof.checks.guard.lexer import Token
from stackproof.checks.guard.probe import Hanging
from stackproof.checks.guard.reach import FUNCTIONS, reach
from stackproof.checks.guard.report import Clause
from stackproof.checks.guard.scene import Scene
from stackproof.checks.guard.source import RuleFile
from stackproof.checks.guard.worlds import key_of
from stackproof.template.model import Unknown

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_ON_THE_WAY = {"Resources", "Properties"}
_SINGLE = {"string", "number", "boolean"}
_DEPTH = 8

Handed = tuple[str, frozenset[str]]
"""A function and the keys on the way to its arguments; no keys for a query that may lead anywhere."""


def handed_over(scene: Scene, file: RuleFile, rule: str) -> dict[Owner, Hanging]:
    """For every resource the unknown in it that the rule hands to a function, as what the rule hangs on."""
    asked = _handed(file, rule)
    if not asked:
        return {}
    extent = reach(file, rule)
    found: dict[Owner, Hanging] = {}
    for spot in scene.spots:
        if not isinstance(spot.item, Unknown) or not extent.path(spot.path, scene.kind(spot.path)):
            continue
        keys = {key for key in spot.path if isinstance(key, str)}
        for function, wanted in asked:
            if (wanted and not wanted & keys) or (function == "count" and spot.item.kind in _SINGLE):
                continue
            clause = Clause("", message=f"{function}() is given a value that is not known")
            owner = owner_of(spot.path)
            base = scene.base
            found.setdefault(owner, Hanging(owner, clause, base, base, (key_of(spot.item),), ()))
    return found


@functools.lru_cache(maxsize=4096)
def _handed(file: RuleFile, rule: str) -> tuple[Handed, ...]:
    body = [token for statement in file.closure(rule) for token in statement.body if token.kind != "message"]
    found: list[Handed] = []
    for index, token in enumerate(body[:-1]):
        if token.text in FUNCTIONS and token.kind == "word" and body[index + 1].text == "(":
            arguments = body[index + 2 : _closing(body, index + 1)]
            keys = frozenset(_keys(arguments, body, 0))
            if any(t.kind in {"word", "variable"} for t in arguments) and (keys or token.text != "count"):
                found.append((token.text, keys))
    return tuple(found)


def _keys(part: Sequence[Token], body: Sequence[Token], depth: int) -> Iterator[str]:
    """The keys that queries walk along, filters left out; variables are followed to what they stand for."""
    index = 0
    while index < len(part):
        token = part[index]
        if token.text == "[":
            index = _closing(part, index)
        elif token.kind == "variable" and depth < _DEPTH:
            yield from _keys(_meaning(token.value, body), body, depth + 1)
        elif token.value not in {*_ON_THE_WAY, *FUNCTIONS} and (
            token.kind == "word" or (token.kind == "string" and index and part[index - 1].text == ".")
        ):
            yield token.value
        index += 1


def _meaning(name: str, body: Sequence[Token]) -> list[Token]:
    """The tokens of the query that a ``let`` gives a name."""
    for index in range(len(body) - 3):
        if body[index].text == "let" and body[index + 1].text == name:
            end = index + 4
            while end < len(body) and (body[end].text in {".", "[", "("} or body[end - 1].text == "."):
                end = _closing(body, end) + 1 if body[end].text in _PAIRS else end + 1
            return list(body[index + 3 : end])
    return []


def _closing(body: Sequence[Token], opening: int) -> int:
    """The index of the bracket that closes the one at ``opening``."""
    depth = 0
    for index in range(opening, len(body)):
        if body[index].kind == "mark":
            depth += 1 if body[index].text in _PAIRS else -1 if body[index].text in _PAIRS.values() else 0
        if depth == 0:
            return index
    return len(body)
