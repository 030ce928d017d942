"""Which files a worker really opens while it judges a template.

A custom rule may read any file, cfn-lint opens nested templates, a transform opens includes: an audit
hook sees them all. Python has no such event for asking whether a file exists or where a link leads, so
``os.stat`` and ``os.readlink`` are wrapped for that. None of this can be taken back safely, so only a
worker process installs it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import stackproof
from stackproof.gate.digests import EXISTS

_WRITING = os.O_WRONLY | os.O_RDWR
_OPENED, _LISTED = "open", ("os.listdir", "os.scandir")


class Recorder:
    """Collects the files that are opened (there or not) or asked for, links, and the folders that are listed.

    Folders in ``known`` may be listed without a word: what counts of them is in every key.
    Python's own files, the installed packages and our own are left out: their versions are in every key.
    """

    def __init__(self, known: Iterable[Path] = ()) -> None:
        schemes = sysconfig.get_paths()
        ours = str(Path(stackproof.__file__).parent)
        names = {schemes[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        self._foreign = (*(f"{name}{os.sep}" for name in (*names, ours)), "/proc/", "/dev/", "/sys/")
        self._known = frozenset(map(str, known))
        self._seen: set[str] = set()

    def install(self) -> None:
        """Start to listen; call it once in a process that ends soon."""
        sys.addaudithook(self._hear)
        stat, readlink = os.stat, os.readlink

        def listening(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
            self._note(path, EXISTS)
            return stat(path, *arguments, **options)

        def following(path: Any, *arguments: Any, **options: Any) -> Any:
            self._note(path)
            return readlink(path, *arguments, **options)

        setattr(os, "stat", listening)  # noqa: B010 - mypy would take it for a mistake
        setattr(os, "readlink", following)  # noqa: B010 - as above

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
            if str(path) in self._known:
                return
        else:
            return
        self._note(path)

    def _note(self, path: Any, prefix: str = "") -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str | os.PathLike):
            absolute = os.path.abspath(path)
            if not f"{absolute}{os.sep}".startswith(self._foreign) and not absolute.endswith(".pyc"):
                self._seen.add(prefix + absolute)
