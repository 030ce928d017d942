"""Keeping answers only when everything they hang on stood still while they were found.

Rules, settings and templates are read by workers after their digests were taken. Whoever switches a
branch under a running gate, and back, would find the answers of one branch under the keys of the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from stackproof.gate.cache import Cache
from stackproof.gate.digests import EXISTS, Files

_PAUSE = 0.5
"""Seconds between two looks at all files: to look costs a millisecond, answers come by the hundred."""


class Keeper:
    """Stores answers in the cache a little later than they come: after a look at the files."""

    def __init__(self, root: Path, cache: Cache, files: Files) -> None:
        self._root = root
        self._cache = cache
        self._files = files
        self._started = time.time_ns()
        self._looked = time.monotonic()
        self._waiting: list[tuple[str, object, dict[str, str]]] = []
        self._spoilt = False

    def keep(self, key: str, answer: object, reads: Iterable[str | Path] = ()) -> None:
        """Store an answer that hangs on ``reads`` besides its key, unless something was written to."""
        digests = self._settled(reads)
        if digests is not None and not self._spoilt:
            self._waiting.append((key, answer, digests))
        if time.monotonic() - self._looked > _PAUSE:
            self.flush()

    def flush(self) -> None:
        """Store what waits."""
        self._looked = time.monotonic()
        self._spoilt = self._spoilt or self._files.changed()
        if not self._spoilt:
            for key, answer, digests in self._waiting:
                self._cache.keep(key, answer, digests)
        self._waiting.clear()

    def _settled(self, names: Iterable[str | Path]) -> dict[str, str] | None:
        """The digests of the files, or None when one was written to while this run went on."""
        reads = self._files.reads(names)
        for name in reads:
            if not name.startswith(EXISTS) and _written(self._root / name) >= self._started:
                return None
        return reads


def _written(path: Path) -> int:
    """When a file was written to or put here, in nanoseconds; 0 for none, and for a folder."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return 0 if path.is_dir() else max(status.st_mtime_ns, status.st_ctime_ns)
