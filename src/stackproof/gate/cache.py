"""A folder of answers by content: safe for concurrent runs, bounded, and never believed when damaged.

An entry is found by a key that covers everything known beforehand, and holds only while every file
that was read for it still has the content it had (``reads``). Entries are written to a temporary file
and renamed, carry a checksum, and one that cannot be read is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from stackproof.gate.packing import pack, unpack

T = TypeVar("T")

_FORMAT = b"stackproof-cache-1\n"
_DIGEST_SIZE = 32
MAX_BYTES = 268_435_456
"""The size of the folder above which the entries that were not used for longest are removed."""

_TIDIED = ".tidied"
_TIDY_SECONDS = 3600
_LITTLE = 1 / 64
"""The part of the limit that a run may store without looking through the folder."""


class Entry(msgspec.Struct, frozen=True):
    """An answer with the digests of the files it hangs on ("" for a file that was not there)."""

    reads: dict[str, str]
    answer: msgspec.Raw


class Cache:
    """Answers in ``folder``; None for a run without a cache, which finds and keeps nothing."""

    def __init__(self, folder: Path | None, digest: Callable[[str], str]) -> None:
        self._folder = folder
        self._digest = digest
        self._stored = 0

    def find(self, key: str, kind: type[T]) -> T | None:
        """The answer of this type under the key, if every file it hangs on is unchanged."""
        if self._folder is None:
            return None
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        head, body = data[: len(_FORMAT)], data[len(_FORMAT) :]
        checksum, payload = body[:_DIGEST_SIZE], body[_DIGEST_SIZE:]
        if head != _FORMAT or hashlib.sha256(payload).digest() != checksum:
            return None
        try:
            entry = unpack(payload, Entry)
            if any(self._digest(name) != digest for name, digest in entry.reads.items()):
                return None
            answer = unpack(entry.answer, kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return answer

    def keep(self, key: str, answer: object, reads: Mapping[str, str]) -> None:
        """Store an answer; a folder that cannot be written to is no reason to fail."""
        if self._folder is None:
            return
        entry = Entry(dict(reads), msgspec.Raw(pack(answer)))
        payload = pack(entry)
        path = self._path(key)
        with contextlib.suppress(OSError):
            self._prepare(path.parent)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_FORMAT + hashlib.sha256(payload).digest() + payload)
                os.replace(name, path)
                self._stored += len(payload)
            except OSError:
                os.unlink(name)
                raise

    def tidy(self, limit: int = MAX_BYTES) -> None:
        """Remove what was not used for longest when the folder is too big.

        Looks into the folder only when this run stored something, and after a run that stored little at
        most once in an hour.
        """
        if self._folder is None or not self._stored or self._is_tidy(limit):
            return
        entries: list[tuple[float, int, str]] = []
        for folder, _, names in os.walk(self._folder):
            for name in set(names) - {_TIDIED, ".gitignore"}:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    status = os.stat(path)
                    entries.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= limit:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size

    def _is_tidy(self, limit: int) -> bool:
        """Whether the folder was looked through not long ago; if not, it is noted as looked through now."""
        assert self._folder is not None
        mark = self._folder / _TIDIED
        with contextlib.suppress(OSError):
            if self._stored < limit * _LITTLE and 0 <= time.time() - mark.stat().st_mtime < _TIDY_SECONDS:
                return True
        with contextlib.suppress(OSError):
            mark.touch()
        return False

    def _path(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / key[:2] / key

    def _prepare(self, folder: Path) -> None:
        assert self._folder is not None
        folder.mkdir(parents=True, exist_ok=True)
        ignore = self._folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
