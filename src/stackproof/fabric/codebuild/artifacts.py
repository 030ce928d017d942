"""Which files of a build are an artifact, and under which names.

Source: CodeBuild user guide, "Build specification reference", artifacts: ``**/*`` is everything below the
base directory, a folder's name is no file; ``discard-paths`` keeps file names only; ``base-directory`` may
be a pattern of folders; ``exclude-paths`` takes away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from stackproof.fabric.codebuild.buildspec import Artifacts, Report
from stackproof.fabric.trees import Blob


class NoFiles(Exception):
    """Nothing matches; the text is the context of the phase."""


def selected(wanted: Artifacts, root: Path) -> dict[str, Blob]:
    """The files of an artifact by their path in it. Raises ``NoFiles``."""
    bases = _bases(wanted.base, root)
    if not bases:
        raise NoFiles(f"no matching base directory path found for {wanted.base}")
    found: dict[str, Blob] = {}
    for base in bases:
        prefix = base.relative_to(root.resolve()).as_posix() if len(bases) > 1 else ""
        for path in _matching(wanted.files, wanted.exclude, base):
            inside = path.relative_to(base).as_posix()
            name = path.name if wanted.discard else f"{prefix}/{inside}".lstrip("/")
            found[name] = Blob(path.read_bytes(), os.access(path, os.X_OK))
    if not found:
        raise NoFiles(f"no matching artifact paths found: {', '.join(wanted.files)}")
    return found


def reported(wanted: Report, root: Path) -> list[str]:
    """The files of a report, by their path below the build's folder."""
    return [
        path.relative_to(root.resolve()).as_posix()
        for base in _bases(wanted.base, root)
        for path in _matching(wanted.files, (), base)
    ]


def _bases(base: str, root: Path) -> list[Path]:
    root = root.resolve()
    if not base:
        return [root]
    if "*" in base or "?" in base:
        pattern = _pattern(base.rstrip("/"))
        folders = (path for path in sorted(root.rglob("*")) if path.is_dir())
        return [path for path in folders if pattern.fullmatch(path.relative_to(root).as_posix())]
    place = (root / base).resolve()
    return [place] if place.is_dir() and place.is_relative_to(root) else []


def _matching(patterns: Iterable[str], without: Iterable[str], base: Path) -> list[Path]:
    wanted = [_pattern(one.removeprefix("./")) for one in patterns]
    left_out = [_pattern(one.removeprefix("./")) for one in without]
    found = []
    for path in sorted(base.rglob("*")):
        name = path.relative_to(base).as_posix()
        if not path.is_file() or any(one.fullmatch(name) for one in left_out):
            continue
        if any(one.fullmatch(name) for one in wanted):
            found.append(path)
    return found


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """``**`` spans folders (also none), ``*`` and ``?`` stay within one."""
    out, at = [], 0
    for found in re.finditer(r"\*\*/|\*\*|\*|\?", text):
        out.append(re.escape(text[at : found.start()]))
        out.append({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}[found[0]])
        at = found.end()
    out.append(re.escape(text[at:]))
    return re.compile("".join(out), re.DOTALL)
