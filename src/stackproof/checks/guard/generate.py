"""One short string from a regular expression, the same one every time.

Works on the parse tree of Python's own ``re`` (``re._parser``, which has kept its shape since 3.11):
general generators draw long random strings, which costs seconds for the patterns of ARNs and names.
"""

from __future__ import annotations

import functools
import importlib
import string
from collections.abc import Callable
from typing import Any

_PARSER: Any = importlib.import_module("re._parser")
_OPEN_ENDED = 16
ALPHABET = string.ascii_lowercase + string.digits + string.ascii_uppercase + "-_./:*@#+=, "
CHARACTERS = "CHARACTERS"
LOOKS = {"ASSERT", "ASSERT_NOT"}
REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda c: not c.isdigit(),
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_NOT_SPACE": lambda c: not c.isspace(),
    "CATEGORY_WORD": lambda c: c.isalnum() or c == "_",
    "CATEGORY_NOT_WORD": lambda c: not (c.isalnum() or c == "_"),
}


class Generator:
    """Builds a string along a pattern.

    ``fillers`` stand in its open places (``.+``, ``[^/]*`` …) in turn, the last one in all that follow,
    where their characters fit. ``variant`` chooses among alternatives.
    """

    def __init__(self, fillers: tuple[str, ...], variant: int = 0) -> None:
        self._fillers = list(fillers)
        self._variant = variant
        self._groups: dict[int, str] = {}

    def build(self, pattern: str) -> str | None:
        """A string that should match; None for a pattern that cannot be read."""
        parsed = parsed_nodes(pattern)
        return None if parsed is None else self._sequence(parsed)

    def _sequence(self, nodes: Any) -> str:
        return "".join(self._node(kind, argument) for kind, argument in nodes)

    def _node(self, kind: str, argument: Any) -> str:
        if kind == "LITERAL":
            return chr(argument)
        if kind == CHARACTERS:
            return str(argument.pick(self._variant))
        if kind in REPEATS:
            return self._repeat(*argument)
        if kind == "BRANCH":
            return self._sequence(argument[1][self._variant % len(argument[1])])
        if kind == "SUBPATTERN":
            group, inside = argument
            text = self._sequence(inside)
            if group is not None:
                self._groups[group] = text
            return text
        if kind == "ATOMIC_GROUP":
            return self._sequence(argument)
        return self._groups.get(argument, "") if kind == "GROUPREF" else ""

    def _repeat(self, least: int, most: Any, inside: Any) -> str:
        if len(inside) == 1 and most - least >= _OPEN_ENDED:
            kind, argument = inside[0]
            if kind == CHARACTERS and self._fillers:
                filler = self._fillers[0]
                if least <= len(filler) <= most and all(argument.fits(c) for c in filler):
                    if len(self._fillers) > 1:
                        self._fillers.pop(0)
                    return filler
        times = max(least, 1) if self._variant % 2 == 0 and most > 0 else least
        return "".join(self._sequence(inside) for _ in range(times))


class _Characters:
    """A node that stands for one character: any, any but one, or one of a class; remembers what fits."""

    def __init__(self, kind: str, argument: Any) -> None:
        self._kind = kind
        self._argument = argument
        self._fitting: dict[str, bool] = {}
        self._picked: dict[int, str] = {}

    def fits(self, character: str) -> bool:
        """Whether the node matches a character."""
        if character not in self._fitting:
            self._fitting[character] = _fits(self._kind, self._argument, character)
        return self._fitting[character]

    def pick(self, variant: int) -> str:
        """The character to take; another one for each variant where there are several."""
        if variant not in self._picked:
            shift = variant * 7 % len(ALPHABET)
            turned = ALPHABET[shift:] + ALPHABET[:shift]
            self._picked[variant] = next((c for c in turned if self.fits(c)), _first(self._argument))
        return self._picked[variant]


def _prepared(nodes: Any) -> list[tuple[str, Any]]:
    """Nodes of a parse tree, every node that stands for one character as ``_Characters``."""
    return [_prepare(str(kind), argument) for kind, argument in nodes]


def _prepare(kind: str, argument: Any) -> tuple[str, Any]:
    if kind in {"ANY", "NOT_LITERAL", "IN"}:
        return CHARACTERS, _Characters(kind, argument)
    if kind in REPEATS:
        least, most, inside = argument
        return kind, (least, most, _prepared(inside))
    if kind == "BRANCH":
        return kind, (None, [_prepared(inside) for inside in argument[1]])
    if kind == "SUBPATTERN":
        return kind, (argument[0], _prepared(argument[3]))
    if kind == "ATOMIC_GROUP":
        return kind, _prepared(argument)
    if kind in LOOKS:
        return kind, (argument[0], _prepared(argument[1]))
    return kind, argument


def _fits(kind: str, argument: Any, character: str) -> bool:
    if kind == "ANY":
        return character != "\n"
    if kind == "NOT_LITERAL":
        return bool(ord(character) != argument)
    items = [(str(item[0]), item[1]) for item in argument]
    negated = bool(items) and items[0][0] == "NEGATE"
    return any(_item_fits(*item, character) for item in items if item[0] != "NEGATE") != negated


def _item_fits(kind: str, argument: Any, character: str) -> bool:
    if kind == "LITERAL":
        return bool(argument == ord(character))
    if kind == "RANGE":
        return bool(argument[0] <= ord(character) <= argument[1])
    test = _CATEGORIES.get(str(argument))
    return test is not None and test(character)


def _first(argument: Any) -> str:
    """A character of a class that holds none of the usual ones."""
    for kind, value in argument if isinstance(argument, list) else ():
        if str(kind) == "LITERAL":
            return chr(value)
        if str(kind) == "RANGE":
            return chr(value[0])
    return "\N{GREEK SMALL LETTER LAMDA}"


@functools.lru_cache(maxsize=4096)
def parsed_nodes(pattern: str) -> Any:
    """The parse tree of a pattern, nodes for one character as ``_Characters``; None if it cannot be read."""
    try:
        return _prepared(_PARSER.parse(pattern))
    except (ValueError, OverflowError, RecursionError, _PARSER.error):
        return None
