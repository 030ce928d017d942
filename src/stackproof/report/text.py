"""Text for terminals: colours, cell widths, wrapping, and a source line with its caret.

Not done with rich: importing it would cost more than a whole warm run of the gate may take.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from stackproof.report.common import visible

_CODES = {
    "error": "1;31",
    "warning": "33",
    "info": "34",
    "note": "36",
    "good": "1;32",
    "strong": "1",
    "faint": "2",
    "file": "1;4",
}
"""SGR codes (ECMA-48) of the styles."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What the text is written on: its width in columns, whether colour and Unicode signs may be used."""

    width: int = 80
    color: bool = False
    unicode: bool = True

    def paint(self, text: str, style: str) -> str:
        """The text in a style, where colour may be used."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.color and text else text

    def sign(self, unicode: str, ascii: str) -> str:
        """A sign, or what stands for it in ASCII."""
        return unicode if self.unicode else ascii

    def wrap(self, text: str, indent: str, first: str | None = None) -> Iterator[str]:
        """The text in lines that fit; words are kept whole, only longer ones than a line are cut."""
        start = indent if first is None else first
        line, used = "", cells(start)
        for word in self._words(text, max(10, self.width - cells(indent))):
            gap = 1 if line else 0
            if line and used + gap + cells(word) > self.width:
                yield start + line
                start, line, used, gap = indent, "", cells(indent), 0
            line += " " * gap + word
            used += gap + cells(word)
        yield start + line

    def _words(self, text: str, room: int) -> Iterator[str]:
        for word in visible(text).split():
            while cells(word) > room:
                cut = fit(word, room)
                yield cut
                word = word[len(cut) :]
            if word:
                yield word

    def excerpt(self, text: str, column: int, length: int, indent: str) -> tuple[str, str]:
        """A source line and the line of carets below it, both cut to what is around ``column`` (1-based)."""
        room = max(20, self.width - cells(indent))
        before, at, after = (
            text[: column - 1],
            text[column - 1 : column - 1 + length],
            text[column - 1 + length :],
        )
        left, marked, right = (visible(part.replace("\t", "    ")) for part in (before, at, after))
        dots = self.sign("…", "...")
        # A place behind the last sign has nothing to mark and takes a caret all the same.
        if cells(left) + max(1, cells(marked)) + cells(right) > room:
            left = _tail(left, room // 2, dots)
            marked = _head(marked, room - cells(left), dots)
            right = _head(right, room - cells(left) - cells(marked), dots)
        return left + marked + right, " " * cells(left) + "^" * max(1, cells(marked))


def cells(text: str) -> int:
    """Columns that the text takes in a terminal (Unicode Standard Annex 11, wide and fullwidth take two)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def fit(text: str, room: int) -> str:
    """The longest start of the text that takes at most ``room`` columns, at least one character."""
    end = min(len(text), max(room, 1))
    while end > 1 and cells(text[:end]) > room:
        end -= 1
    return text[:end]


def _head(text: str, room: int, dots: str) -> str:
    if cells(text) <= room:
        return text
    return fit(text, room - len(dots)) + dots if room > len(dots) else ""


def _tail(text: str, room: int, dots: str) -> str:
    if cells(text) <= room:
        return text
    return dots + fit(text[::-1], room - len(dots))[::-1]
