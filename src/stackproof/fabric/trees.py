"""Trees of files: what a commit, a source or an artifact holds; from folders, git and zips, and into zips.

A zip has the same bytes for the same content.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackproof.errors import UsageError

_MOMENT = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = frozenset({".git", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Blob:
    """One file: its content, and whether it may be executed."""

    content: bytes
    executable: bool = False


Tree = Mapping[str, Blob]
"""Files by their path with slashes."""
Source = Path | str | Mapping[str, str | bytes]
"""A folder, a git repository's folder, or contents by path."""


def tree_of(source: Source) -> dict[str, Blob]:
    """The files of a folder (without ``.git`` and byte code), or of a mapping of path to content."""
    if isinstance(source, Mapping):
        return {path: Blob(text.encode() if isinstance(text, str) else text) for path, text in source.items()}
    folder = Path(source)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder} to take files from")
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not _LEFT_OUT & set(inside.parts):
            found[inside.as_posix()] = Blob(path.read_bytes(), os.access(path, os.X_OK))
    return found


def committed(folder: Path, reference: str) -> tuple[str, str, dict[str, Blob]]:
    """Of a git repository's reference: the commit's id, its message, its files. Raises ``UsageError``."""
    found = _git(folder, "rev-parse", "--verify", f"{reference}^{{commit}}").decode().strip()
    message = _git(folder, "log", "-1", "--format=%B", found).decode().strip()
    return found, message, unzipped(_git(folder, "archive", "--format=zip", "-0", found))


def _git(folder: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise UsageError(f"git {arguments[0]} in {folder}: {reason}")
    return done.stdout


def digest(tree: Tree, *facts: str) -> str:
    """Forty hexadecimal digits that hang on the content and the facts only."""
    found = hashlib.sha1(usedforsecurity=False)
    for path in sorted(tree):
        blob = tree[path]
        found.update(f"{path}\0{blob.executable}\0{len(blob.content)}\0".encode() + blob.content)
    found.update("\0".join(facts).encode())
    return found.hexdigest()


def zipped(tree: Tree, *, modes: bool = True) -> bytes:
    """A zip of a tree; without ``modes`` nobody can tell what was executable."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree):
            entry = zipfile.ZipInfo(path, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if modes:
                entry.external_attr = (0o100755 if tree[path].executable else 0o100644) << 16
            archive.writestr(entry, tree[path].content)
    return buffer.getvalue()


def unzipped(data: bytes) -> dict[str, Blob]:
    """The files of a zip. Raises ``zipfile.BadZipFile``."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            entry.filename: Blob(archive.read(entry), bool(entry.external_attr >> 16 & 0o100))
            for entry in archive.infolist()
            if not entry.is_dir()
        }


def write(tree: Tree, folder: Path) -> None:
    """Put files into a folder; a path that leads out of it is refused (``UsageError``)."""
    root = folder.resolve()
    for path, blob in tree.items():
        place = (root / path).resolve()
        if not place.is_relative_to(root):
            raise UsageError(f"'{path}' leads out of the source")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(blob.content)
        place.chmod(0o755 if blob.executable else 0o644)
