"""The grammar of metric math: text to a tree. Source: user guide, "Using math expressions with metrics"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from stackproof.fabric.cloudwatch import errors

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^()\[\],<>]))"
)
_WORDS = {"AND": "&&", "OR": "||"}
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/"), ("^",))


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The id of a metric or of another expression, or a bare word (REPEAT)."""

    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """An array."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function, by its name in capitals, or an operator."""

    name: str
    arguments: tuple[Node, ...]


Node = Number | Text | Name | Listed | Call


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The tree of an expression; raises ValidationError."""
    parser = _Parser(text)
    node = parser.level(0)
    if parser.peek():
        raise parser.wrong()
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise self.wrong()
            kind, value = match.lastgroup, match[match.lastgroup]
            if kind == "name" and value.upper() in _WORDS:
                kind, value = "sign", _WORDS[value.upper()]
            self._tokens.append((kind, value))
            place = match.end()

    def wrong(self) -> Exception:
        return errors.validation(f"Error in expression '{self._text}': invalid syntax")

    def peek(self) -> str:
        """The sign that comes next; the kind of anything else, "" at the end."""
        if self._at >= len(self._tokens):
            return ""
        kind, value = self._tokens[self._at]
        return value if kind == "sign" else kind

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise self.wrong()
        self._at += 1

    def level(self, depth: int) -> Node:
        """Operators of this level and of those that bind closer."""
        if depth == len(_LEVELS):
            return self._unary()
        node = self.level(depth + 1)
        while self.peek() in _LEVELS[depth]:
            sign = self._take()
            node = Call(sign, (node, self.level(depth + 1)))
        return node

    def _unary(self) -> Node:
        if self.peek() == "-":
            self._take()
            return Call("-", (Number(0.0), self._unary()))
        return self._atom()

    def _atom(self) -> Node:
        kind = self.peek()
        if kind == "number":
            return Number(float(self._take()))
        if kind == "text":
            return Text(self._take()[1:-1])
        if kind == "(":
            self._take()
            node = self.level(0)
            self._expect(")")
            return node
        if kind == "[":
            self._take()
            return Listed(self._items("]"))
        if kind != "name":
            raise self.wrong()
        name = self._take()
        if self.peek() != "(":
            return Name(name)
        self._take()
        return Call(name.upper(), self._items(")"))

    def _items(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while self.peek() != end:
            if items:
                self._expect(",")
            items.append(self.level(0))
        self._take()
        return tuple(items)
