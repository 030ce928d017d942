"""Where the keys and values of a TOML document stand, which ``tomllib`` does not tell.

The text must be valid: ``tomllib`` has read it before. The grammar is that of https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, both from 1."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+')
_VALUE = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:[^"\\]|\\.)*"|\'[^\']*\''
    r"|\d{4}-\d\d-\d\d \d\d:[^,\]}\s#]*|[^,\]}\s#]+",
    re.DOTALL,
)


def places(text: str) -> dict[Path, Place]:
    """Paths (keys, and positions from 0 in arrays) to where their key, value or ``[header]`` begins."""
    return _Scan(text.replace("\r\n", " \n")).all()


def place(file: pathlib.Path, path: Path) -> Place:
    """Where a key stands, or what it stands in; (0, 0) when nothing of it does."""
    try:
        found = places(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return (0, 0)
    prefix = ("tool", "stackproof") if file.name == "pyproject.toml" else ()
    whole = (*prefix, *path)
    return next((found[whole[:end]] for end in range(len(whole), 0, -1) if whole[:end] in found), (0, 0))


@dataclass
class _Scan:
    """The text and how far it was read."""

    text: str
    at: int = 0
    found: dict[Path, Place] = field(default_factory=dict)
    tables: dict[Path, int] = field(default_factory=dict)
    """Arrays of tables, with the number of their tables so far."""

    def all(self) -> dict[Path, Place]:
        prefix: Path = ()
        while self._skip(_BLANK) < len(self.text):
            if self.text[self.at] == "[":
                prefix = self._header()
            else:
                self._pair(prefix)
        return self.found

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _note(self, path: Path, at: int) -> None:
        line = self.text.count("\n", 0, at) + 1
        self.found.setdefault(path, (line, at - self.text.rfind("\n", 0, at)))

    def _header(self) -> Path:
        start = self.at
        many = self.text.startswith("[[", start)
        self.at += 2 if many else 1
        keys = self._keys()
        self.at += 2 if many else 1
        path: Path = ()
        for position, key in enumerate(keys, start=1):
            path = (*path, key)
            if many and position == len(keys):
                self._note(path, start)
                self.tables[path] = self.tables.get(path, 0) + 1
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
            self._note(path, start)
        return path

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            found = _KEY.match(self.text, self.at)
            assert found is not None, "the text was read by tomllib before"
            keys.append(_plain(found[0]))
            self.at = found.end()
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _pair(self, prefix: Path) -> None:
        start = self.at
        path = prefix
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self.at += 1
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        opened = self.text[self.at]
        if opened not in "[{":
            found = _VALUE.match(self.text, self.at)
            self.at = found.end() if found else len(self.text)
            return
        self.at += 1
        position = 0
        while self.text[self._skip(_BLANK)] not in "]}":
            if opened == "{":
                self._pair(path)
            else:
                self._note((*path, position), self.at)
                self._value((*path, position))
                position += 1
            if self.text[self._skip(_BLANK)] == ",":
                self.at += 1
        self.at += 1


def _plain(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] == '"':
        import tomllib

        return next(iter(tomllib.loads(f"{key} = 0")))
    return key
