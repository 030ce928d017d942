"""Digests of what a verdict hangs on: files, folders, the configuration, the installed tools."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

import stackproof
from stackproof.config import Config

_JUDGED_LATER = (
    "root", "file", "fail_on", "undecided", "select", "ignore", "suppress", "governance", "baseline",
    "cache", "workers", "time_limit",
)  # fmt: skip
"""Settings that the verdict room applies to an answer, or that say how an answer is found, not what it is."""


EXISTS = "exists:"
"""Before a name: only whether the file is there counts, not what it holds."""


def combine(*parts: str) -> str:
    """One digest for several texts, in this order."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()


_OURS = ("__pycache__", ".stackproof")


class Files:
    """Digests of files, each computed once in a run. Names are relative to ``root`` or absolute."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str] = {}
        self._marks: dict[str, _Mark] = {}

    def digest(self, name: str) -> str:
        """The digest of a file's content, of the sorted names in a folder, "" when nothing is there.

        Where a link leads counts as well: what lies outside of the project is not read, whatever it holds.
        For a name after ``EXISTS`` it only tells whether something is there.
        """
        if name not in self._known:
            plain = name.removeprefix(EXISTS)
            path = os.path.join(self._root, plain)
            self._marks.setdefault(path, _mark(path))
            self._known[name] = _digest(path) if plain is name else _existence(path)
        return self._known[name]

    def changed(self) -> bool:
        """Whether anything was written to since its digest was taken, even if it is now as it was.

        Who read it in between may have seen something else.
        """
        return any(_mark(path) != mark for path, mark in self._marks.items())

    def name(self, path: Path | str) -> str:
        """The name under which a path is kept: relative below the root, so that a cache can move along."""
        given = str(path)
        if given.startswith(EXISTS):
            return EXISTS + self.name(given.removeprefix(EXISTS))
        text = os.path.abspath(os.path.join(self._root, given))
        return "." if text == str(self._root) else text.removeprefix(f"{self._root}{os.sep}")

    def reads(self, paths: Iterable[Path | str]) -> dict[str, str]:
        """The digests of some paths by name."""
        return {name: self.digest(name) for name in sorted({self.name(path) for path in paths})}

    def through(self, path: Path) -> str:
        """The digest of a file, or of everything below a folder."""
        if not path.is_dir():
            return self.digest(self.name(path))
        parts = []
        for folder, folders, names in os.walk(path):
            self._marks.setdefault(folder, _listing(folder))
            folders[:] = sorted(one for one in folders if one != "__pycache__")
            for name in sorted(names):
                full = os.path.join(folder, name)
                parts += [os.path.relpath(full, path), self.digest(self.name(full))]
        return combine(*parts)


_Mark = tuple[object, ...]


def _mark(path: str) -> _Mark:
    """What cannot stay the same when a file is written to or put in another's place: no clock is asked."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ()
    if stat.S_ISDIR(status.st_mode):
        return _listing(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _listing(folder: str) -> _Mark:
    """The names in a folder without those of compiled Python, which a run may bring about itself."""
    try:
        return tuple(sorted(name for name in os.listdir(folder) if name not in _OURS))
    except OSError:
        return ()


def _existence(path: str) -> str:
    return "there" if os.path.exists(path) else ""


def _digest(path: str) -> str:
    content = _content(path)
    try:
        return combine("link", os.readlink(path), content)
    except OSError:
        return content


def _content(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except IsADirectoryError:
        try:
            return combine("folder", *sorted(os.listdir(path)))
        except OSError:
            return ""
    except OSError:
        return ""


def of_config(config: Config) -> str:
    """The digest of the settings that decide what is found."""
    settings = msgspec.to_builtins(config)
    for name in _JUDGED_LATER:
        settings.pop(name, None)
    return hashlib.sha256(msgspec.json.encode(settings, order="sorted")).hexdigest()


def of_tools() -> str:
    """The digest of Python, of every installed distribution's version, and of our own code.

    Distributions are told by the names of their metadata folders, which carry the version: reading
    them takes no import and next to no time. Our own code is read, since it may be installed editable.
    """
    parts = [sys.version, sys.platform, stackproof.__version__]
    for folder in sys.path:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        parts += [name for name in names if name.endswith((".dist-info", ".egg-info", ".pth", ".egg-link"))]
    return combine(*parts, *_own_code())


def _own_code() -> list[str]:
    package = os.path.dirname(stackproof.__file__)
    parts = []
    for folder, folders, names in os.walk(package):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(folder, name)
            parts += [os.path.relpath(path, package), _digest(path)]
    return parts
