"""Tokens of a Guard rule file: enough to cut it into rules and to see what a rule compares with.

The engine parses the language; this lexer never judges it. Text that the engine refuses may give
any tokens, but always ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["comment", "message", "string", "regex", "range", "number", "type", "word", "variable", "mark"]

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
  | (?P<message><<.*?>>)
  | (?P<string>"(?:\\"|[^"])*"|'(?:\\'|[^'])*')
  | (?P<regex>/(?:\\/|[^/\n])+/)
  | (?P<range>\br[\[(][^,\]\)\n]*,[^,\]\)\n]*[\])])
  | (?P<type>[A-Za-z][A-Za-z0-9]*(?:::[A-Za-z0-9]+)+)
  | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)
  | (?P<variable>%[A-Za-z]\w*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<mark>==|!=|>=|<=|:=|\S)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, its text as written and where it starts and ends (0-based offsets)."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """The text without its delimiters: of a string, a regular expression, a message or a variable."""
        if self.kind in {"string", "regex"}:
            delimiter = self.text[0]
            return self.text[1:-1].replace("\\" + delimiter, delimiter)
        if self.kind == "message":
            return self.text[2:-2].strip()
        if self.kind == "variable":
            return self.text[1:]
        return self.text


def tokens(text: str) -> Iterator[Token]:
    """The tokens of ``text`` in order, comments and messages among them."""
    for found in _TOKEN.finditer(text):
        yield Token(found.lastgroup, found[0], found.start(), found.end())  # type: ignore[arg-type]
