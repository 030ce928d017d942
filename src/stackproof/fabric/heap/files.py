"""The files below a folder, captured with their content and put back where they differ."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from typing import Any

from stackproof.fabric.heap.capture import Uncapturable

Mark = tuple[int, int, int, int]
"""What changes when a file does: inode, size, times of the last change of content and of anything."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file (its bytes), a link (where it points) or a folder (None)."""

    mode: int
    modified_ns: int
    content: Any


@dataclass(slots=True)
class Tree:
    """``entries`` by relative path, a folder before what is in it; ``marks`` of the files as they lie now."""

    entries: dict[str, Entry]
    marks: dict[str, Mark] = field(default_factory=dict)


def captured(folder: str, shown: str, before: Tree | None = None) -> Tree:
    """The files below ``folder``; what did not change since ``before`` shares its bytes. Raises
    ``Uncapturable``, naming a file as below ``shown``."""
    tree = Tree({})
    for name, state in _walked(folder):
        mark = _mark(state)
        if before is not None and before.marks.get(name) == mark:
            entry = before.entries[name]
        else:
            entry = Entry(
                stat.S_IMODE(state.st_mode), state.st_mtime_ns, _content(folder, shown, name, state)
            )
        tree.entries[name] = entry
        tree.marks[name] = mark
    return tree


def restore(folder: str, tree: Tree) -> None:
    """Make a folder as it was."""
    os.makedirs(folder, 0o700, exist_ok=True)
    lying = {name: _mark(state) for name, state in _walked(folder)}
    if lying == tree.marks:
        return
    for name in sorted(lying, key=len, reverse=True):
        if lying[name] != tree.marks.get(name):
            _remove(f"{folder}/{name}")
    written = [name for name, entry in tree.entries.items() if _write(f"{folder}/{name}", entry)]
    folders = [name for name, entry in tree.entries.items() if entry.content is None]
    for name in reversed(dict.fromkeys([*folders, *written])):
        modified = tree.entries[name].modified_ns
        os.utime(f"{folder}/{name}", ns=(modified, modified), follow_symlinks=False)
    tree.marks = {name: _mark(state) for name, state in _walked(folder)}


def _walked(folder: str, below: str = "") -> list[tuple[str, os.stat_result]]:
    found: list[tuple[str, os.stat_result]] = []
    with os.scandir(f"{folder}/{below}") as lying:
        entries = sorted(lying, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{below}{entry.name}"
        found.append((name, entry.stat(follow_symlinks=False)))
        if entry.is_dir(follow_symlinks=False):
            found.extend(_walked(folder, f"{name}/"))
    return found


def _mark(state: os.stat_result) -> Mark:
    if stat.S_ISDIR(state.st_mode):  # its times change with what is in it, which has marks of its own
        return 0, state.st_mode, 0, 0
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _content(folder: str, shown: str, name: str, state: os.stat_result) -> Any:
    path = f"{folder}/{name}"
    if stat.S_ISDIR(state.st_mode):
        return None
    if stat.S_ISLNK(state.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(state.st_mode):
        raise Uncapturable(f"{shown}/{name}", "neither a file nor a folder")
    with open(path, "rb") as file:
        return file.read()


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _write(path: str, entry: Entry) -> bool:
    """Make what is not there any more; whether it was made."""
    if os.path.lexists(path):
        return False
    if isinstance(entry.content, str):
        os.symlink(entry.content, path)
        return True
    if entry.content is None:
        os.mkdir(path)
    else:
        with open(path, "wb") as file:
            file.write(entry.content)
    os.chmod(path, entry.mode)
    return True
