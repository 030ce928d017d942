"""The SQL of topic rules: text to a statement. Source: developer guide, "AWS IoT SQL reference"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_$][A-Za-z0-9_$-]*)|(?P<sign><>|!=|<=|>=|\|\||[-+*/%=<>().,\[\]{}:]))"
)
_COMPARE = ("=", "<>", "!=", "<", "<=", ">", ">=")


class Malformed(Exception):
    """A statement that cannot be read; the message says where."""


class Beyond(Exception):
    """A statement that AWS knows and the fabric does not; the message names what."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Any


@dataclass(frozen=True, slots=True)
class Path:
    """A place in the payload: names and numbers, () for the whole (``*``)."""

    steps: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its name in small letters, or an operator."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """An object literal (``pairs``) or an array literal (``items``)."""

    pairs: tuple[tuple[str, Node], ...] | None
    items: tuple[Node, ...] = ()


Node = Literal | Path | Call | Made


@dataclass(frozen=True, slots=True)
class Statement:
    """``fields`` are expressions with the keys of their results; ``value`` stands for ``SELECT VALUE``."""

    fields: tuple[tuple[Node, str], ...]
    source: str
    where: Node | None
    value: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is ``SELECT *`` and nothing else."""
        return len(self.fields) == 1 and self.fields[0][0] == Path(())


@lru_cache(maxsize=512)
def parse(text: str) -> Statement:
    """A rule's statement; raises ``Malformed`` or ``Beyond``."""
    reader = _Reader(text)
    found = reader.statement()
    reader.end()
    return found


@lru_cache(maxsize=512)
def expression(text: str) -> Node:
    """An expression of a substitution template; raises as ``parse``."""
    reader = _Reader(text)
    found = reader.either()
    reader.end()
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise Malformed(f"cannot read {text[place : place + 20]!r}")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()

    # Tokens.

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _is(self, word: str) -> bool:
        kind, value = self._peek()
        return (kind == "name" and value.upper() == word) or (kind == "sign" and value == word)

    def _take(self) -> str:
        kind, value = self._peek()
        if not kind:
            raise Malformed("the statement ends too early")
        self._at += 1
        return value

    def _accept(self, word: str) -> bool:
        found = self._is(word)
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise Malformed(f"expected {word} before {self._peek()[1] or 'the end'!r}")

    def end(self) -> None:
        if self._peek()[0]:
            raise Malformed(f"unexpected {self._peek()[1]!r}")

    # The statement.

    def statement(self) -> Statement:
        self._expect("SELECT")
        value = self._accept("VALUE")
        fields = [self._field()]
        while self._accept(","):
            fields.append(self._field())
        source = ""
        if self._accept("FROM"):
            kind, text = self._peek()
            if kind != "text":
                raise Malformed("FROM needs a topic filter in quotes")
            self._at += 1
            source = text[1:-1]
        where = self.either() if self._accept("WHERE") else None
        return Statement(tuple(fields), source, where, value)

    def _field(self) -> tuple[Node, str]:
        if self._is("*"):
            self._at += 1
            return Path(()), ""
        node = self.either()
        if self._accept("AS"):
            key = self._take()
            while self._accept("."):
                key += "." + self._take()
            return node, key
        if isinstance(node, Path) and node.steps:
            return node, str(node.steps[-1])
        return node, node.name if isinstance(node, Call) else "value"

    # Expressions, from the loosest to the tightest.

    def either(self) -> Node:
        return self._chain(("OR",), self._both)

    def _both(self) -> Node:
        return self._chain(("AND",), self._negated)

    def _negated(self) -> Node:
        if self._accept("NOT"):
            return Call("not", (self._negated(),))
        return self._compared()

    def _chain(self, words: tuple[str, ...], inner: Any) -> Node:
        node: Node = inner()
        while any(self._is(word) for word in words):
            node = Call(self._take().lower(), (node, inner()))
        return node

    def _compared(self) -> Node:
        node = self._sum()
        if self._accept("IN"):
            raise Beyond("IN")
        kind, sign = self._peek()
        if kind == "sign" and sign in _COMPARE:
            self._at += 1
            return Call("<>" if sign == "!=" else sign, (node, self._sum()))
        return node

    def _sum(self) -> Node:
        return self._chain(("+", "-", "||"), self._product)

    def _product(self) -> Node:
        return self._chain(("*", "/", "%"), self._unary)

    def _unary(self) -> Node:
        if self._accept("-"):
            return Call("-", (Literal(0), self._unary()))
        return self._steps(self._atom())

    def _steps(self, node: Node) -> Node:
        while True:
            if self._accept("."):
                step: Any = Literal(self._take())
            elif self._accept("["):
                step = self.either()
                self._expect("]")
            else:
                return node
            if isinstance(node, Path) and isinstance(step, Literal):
                node = Path((*node.steps, step.value))
            else:
                node = Call("get", (node, step))

    def _atom(self) -> Node:
        kind, value = self._peek()
        if kind == "text":
            self._at += 1
            return Literal(value[1:-1].replace("''", "'").replace("\\'", "'").replace('\\"', '"'))
        if kind == "number":
            self._at += 1
            return Literal(float(value) if set(value) & set(".eE") else int(value))
        if self._accept("("):
            if self._is("SELECT"):
                raise Beyond("nested SELECT")
            node = self.either()
            self._expect(")")
            return node
        if self._accept("*"):
            return Path(())
        if self._is("{") or self._is("["):
            return self._made()
        if kind != "name":
            raise Malformed(f"unexpected {value or 'end'!r}")
        return self._word()

    def _made(self) -> Node:
        if self._accept("["):
            return Made(None, self._listed("]"))
        self._expect("{")
        pairs: list[tuple[str, Node]] = []
        while not self._accept("}"):
            if pairs:
                self._expect(",")
            key = self._take().strip("'\"")
            self._expect(":")
            pairs.append((key, self.either()))
        return Made(tuple(pairs))

    def _listed(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._accept(end):
            if items:
                self._expect(",")
            items.append(self.either())
        return tuple(items)

    def _word(self) -> Node:
        word = self._take()
        upper = word.upper()
        if upper in ("TRUE", "FALSE"):
            return Literal(upper == "TRUE")
        if upper == "NULL":
            return Literal(None)
        if upper == "CASE":
            return self._case()
        if not self._accept("("):
            return Path((word,))
        if upper == "CAST":
            node = self.either()
            self._expect("AS")
            kind = self._take().lower()
            self._expect(")")
            return Call("cast", (node, Literal(kind)))
        return Call(word.lower(), self._listed(")"))

    def _case(self) -> Node:
        subject = self.either()
        parts: list[Node] = [subject]
        while self._accept("WHEN"):
            parts.append(self.either())
            self._expect("THEN")
            parts.append(self.either())
        if self._accept("ELSE"):
            parts.append(self.either())
        self._expect("END")
        return Call("case", tuple(parts))
