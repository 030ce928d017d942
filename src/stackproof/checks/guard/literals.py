"""What a rule compares with: the literals in its text."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from stackproof.checks.guard.lexer import Token
from stackproof.checks.guard.reach import relates
from stackproof.checks.guard.source import RuleFile
from stackproof.model import JSON

_PER_LIST = 24

_IN = {"in", "IN"}

Texts = tuple[tuple[bool, str], ...]
"""Strings and regular expressions (True)."""


@dataclass(frozen=True, slots=True)
class Literals:
    """The values that a rule names, each once, in the order of its text.

    ``ranges`` hold (lower, upper) bounds; ``lists`` whole list literals of scalars. ``kinds`` are the
    type tests that it makes (``is_list`` …); ``parses`` is True when it reads JSON out of strings,
    ``relates`` when it compares one place of the document with another; ``opaque`` when a value may count
    in other ways than by what it equals and which expressions match: as a key, or by its place in an order.

    ``single`` are all strings and expressions (types and keys among them) that can tell for themselves
    whether they fit, ``groups`` those of lists of which only the membership (``in``) is asked.
    """

    strings: tuple[str, ...] = ()
    numbers: tuple[float | int, ...] = ()
    booleans: bool = False
    regexes: tuple[str, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    lists: tuple[tuple[JSON, ...], ...] = ()
    kinds: frozenset[str] = frozenset()
    parses: bool = False
    relates: bool = False
    opaque: bool = False
    single: Texts = ()
    groups: tuple[Texts, ...] = ()


@functools.lru_cache(maxsize=4096)
def literals(file: RuleFile, rule: str) -> Literals:
    """The literals of a rule and of everything it needs."""
    body = [token for statement in file.closure(rule) for token in statement.body if token.kind != "message"]
    grouped = list(_memberships(body))
    words = {token.text.lower() for token in body if token.kind == "word"}
    return Literals(
        strings=_strings(body),
        numbers=tuple(dict.fromkeys(_number(t.text) for t in body if t.kind == "number")),
        booleans=bool(words & {"true", "false", "is_bool"}),
        regexes=tuple(dict.fromkeys(t.value for t in body if t.kind == "regex")),
        ranges=tuple(found for t in body if t.kind == "range" for found in _range(t.text)),
        lists=tuple(dict.fromkeys(_lists(body))),
        kinds=frozenset(word for word in words if word.startswith("is_")),
        parses="json_parse" in words,
        relates=relates(body),
        opaque=any(_opaque(body, index) for index in range(1, len(body))),
        single=_texts(t for index, t in enumerate(body) if not any(index in group for group in grouped)),
        groups=tuple(dict.fromkeys(_texts(body[i] for i in group) for group in grouped)),
    )


def _texts(body: Iterable[Token]) -> Texts:
    return tuple(dict.fromkeys((t.kind == "regex", t.value) for t in body if t.kind in {"string", "regex"}))


def _memberships(body: Sequence[Token]) -> Iterator[range]:
    """Where list literals stand of which a rule asks only whether something is ``in`` them."""
    for index, token in enumerate(body):
        before = body[index - 1].text if index else ""
        if token.text != "[" or not (
            before in _IN or (before in {"=", ":="} and _asked_for_members(body, index))
        ):
            continue
        closing = next((i for i in range(index + 1, len(body)) if not _is_item(body[i])), index)
        if body[closing].text == "]":
            yield range(index, closing)


def _is_item(token: Token) -> bool:
    return token.kind in {"string", "regex", "number"} or token.text == ","


def _asked_for_members(body: Sequence[Token], index: int) -> bool:
    """Whether the list that a ``let`` gives a name is used behind ``in`` only."""
    name = body[index - 2].text
    lets = [i for i in range(len(body) - 1) if body[i].text == "let" and body[i + 1].text == name]
    uses = [i for i, token in enumerate(body) if token.kind == "variable" and token.value == name]
    return len(lets) == 1 and all(body[i - 1].text in _IN for i in uses)


def _opaque(body: Sequence[Token], index: int) -> bool:
    token, before = body[index], body[index - 1].text
    if token.kind == "range":
        return not any(True for _ in _range(token.text))
    if token.kind == "variable" and before in {".", "["}:
        return True
    return token.kind in {"string", "variable"} and before in {"<", ">", "<=", ">="}


def _strings(body: Sequence[Token]) -> tuple[str, ...]:
    """Strings that are compared with; one that only names a key (``['Fn::Sub']``) does no harm."""
    types = {token.value for index in range(len(body)) for token in _types_asked(body, index)}
    return tuple(dict.fromkeys(t.value for t in body if t.kind == "string" and t.value not in types))


def _types_asked(body: Sequence[Token], index: int) -> Iterator[Token]:
    """The strings that a ``Type`` is compared with."""
    if body[index].text != "Type" or index + 2 >= len(body):
        return
    if body[index + 1].text not in {"==", "in", "IN"}:
        return
    for token in body[index + 2 :]:
        if token.kind == "string":
            yield token
        if token.text not in {"[", ","} and body[index + 2].text != "[":
            return
        if token.text == "]":
            return


def _number(text: str) -> float | int:
    return float(text) if any(mark in text for mark in ".eE") else int(text)


def _range(text: str) -> Iterator[tuple[float, float]]:
    lower, _, upper = text[2:-1].partition(",")
    try:
        yield float(lower), float(upper)
    except ValueError:
        return


def _lists(body: Sequence[Token]) -> Iterator[tuple[JSON, ...]]:
    """List literals of scalars: a bracket after an operator, ``=`` or ``in``."""
    for index, token in enumerate(body):
        if (
            token.text != "["
            or not index
            or body[index - 1].text.lower() not in {"==", "!=", "in", "=", ":="}
        ):
            continue
        items: list[JSON] = []
        for item in body[index + 1 :]:
            if item.text == "]":
                yield tuple(items[:_PER_LIST])
                break
            if item.kind == "string":
                items.append(item.value)
            elif item.kind == "number":
                items.append(_number(item.text))
            elif item.text.lower() in {"true", "false"}:
                items.append(json.loads(item.text.lower()))
            elif item.text != ",":
                break
