"""Decoded templates on disk, by content: decoding needs cfn-lint, whose import takes two seconds.

A shelved document has a plain tree and a table of the spans that its marks gave. An entry that cannot be
read is as good as none, and a folder that cannot be written to is no reason to fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from stackproof import __version__
from stackproof.model import DocPath, Location
from stackproof.template import load, marks, shape
from stackproof.template.marks import existing, plain
from stackproof.template.model import Document

Span = tuple[int, int, int, int]


class Shelved(msgspec.Struct, frozen=True):
    """A document without its text. ``spans`` are pairs of a path and its span."""

    tree: dict[str, Any]
    spans: list[tuple[list[str | int], Span]]


@dataclass(frozen=True, slots=True)
class Spans:
    """``Document.locate`` of a shelved document."""

    file: str
    tree: dict[str, Any]
    table: dict[DocPath, Span]

    def __call__(self, path: DocPath) -> Location:
        """The span at a path, or of the nearest parent that has one."""
        known = existing(self.tree, tuple(path))
        while known and known not in self.table:
            known = known[:-1]
        return Location(self.file, *self.table.get(known, ()))


class Shelf:
    """Documents in ``folder``; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, file: str, path: Path, data: bytes) -> Document | None:
        """The document of this content, if it was kept."""
        if self._folder is None:
            return None
        try:
            found = msgspec.msgpack.decode(self._path(data).read_bytes(), type=Shelved)
            text = data.decode("utf-8-sig")
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        table = {tuple(place): span for place, span in found.spans}
        return Document(file, path, text, found.tree, Spans(file, found.tree, table))

    def keep(self, document: Document, data: bytes) -> None:
        """Keep a document that has no findings."""
        if self._folder is None:
            return
        tree = plain(document.tree)
        spans = [(list(place), _span(document.locate(place))) for place in _paths(tree, ())]
        place = self._path(data)
        with contextlib.suppress(OSError, OverflowError, TypeError):
            encoded = msgspec.msgpack.encode(Shelved(tree, spans))
            place.parent.mkdir(parents=True, exist_ok=True)
            ignore = self._folder / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
            with os.fdopen(descriptor, "wb") as file:
                file.write(encoded)
            os.replace(name, place)

    def _path(self, data: bytes) -> Path:
        assert self._folder is not None
        name = hashlib.sha256(_reader() + data).hexdigest()
        return self._folder / name[:2] / name


@cache
def _reader() -> bytes:
    """What the decoded form hangs on besides the content: the code that decodes."""
    digest = hashlib.sha256(__version__.encode())
    folder = Path(str(load.__file__)).parent
    for module in (load.__file__, marks.__file__, shape.__file__, folder / "decode.py"):
        digest.update(Path(str(module)).read_bytes())
    return digest.digest()


def _paths(node: Any, path: DocPath) -> Iterator[DocPath]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _span(place: Location) -> Span:
    return (place.line, place.column, place.end_line, place.end_column)
