"""Which files a worker really opens while it judges a template.

A custom rule may read any file, cfn-lint opens nested templates, a transform opens includes: an audit
hook sees them all. It cannot be removed again, so only a worker process installs it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

import stackproof

_WRITING = os.O_WRONLY | os.O_RDWR
_OPENED, _LISTED = "open", ("os.listdir", "os.scandir")


class Recorder:
    """Collects the project's files that are opened (there or not) and the folders that are listed."""

    def __init__(self) -> None:
        schemes = sysconfig.get_paths()
        ours = str(Path(stackproof.__file__).parent)
        names = {schemes[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        self._foreign = (*(f"{name}{os.sep}" for name in (*names, ours)), "/proc/", "/dev/", "/sys/")
        self._seen: set[str] = set()

    def install(self) -> None:
        """Start to listen; call it once in a process that ends soon."""
        sys.addaudithook(self._hear)

    def take(self) -> set[str]:
        """The absolute paths since the last call."""
        seen, self._seen = self._seen, set()
        return seen

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == _OPENED:
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                return
        elif event in _LISTED:
            path = arguments[0]
        else:
            return
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str | os.PathLike):
            absolute = os.path.abspath(path)
            if not f"{absolute}{os.sep}".startswith(self._foreign) and not absolute.endswith(".pyc"):
                self._seen.add(absolute)
