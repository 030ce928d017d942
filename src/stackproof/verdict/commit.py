"""Which commit is being judged, and whether the work tree differs from it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_SECONDS = 20
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_VARIABLES = ("STACKPROOF_COMMIT", "CODEBUILD_RESOLVED_SOURCE_VERSION", "GITHUB_SHA", "CI_COMMIT_SHA")
"""Where CI tells the commit of a source that came without ``.git`` (CodePipeline hands out a zip file)."""


def commit_of(root: Path, judged: Iterable[str] = ()) -> tuple[str, bool]:
    """The commit of the work tree at ``root`` and whether what was judged differs from it.

    Tracked changes make it dirty; so do untracked files that are among ``judged`` (paths relative to
    root). Without git the commit comes from CI's variables, else it is "".
    """
    answer = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "-z")
    if answer is None:
        named = (os.environ.get(name, "") for name in _VARIABLES)
        return next((value for value in named if _SHA.fullmatch(value)), ""), False
    commit, changed, untracked = "", False, []
    for entry in answer.split("\0"):
        if entry.startswith("# branch.oid "):
            commit = entry.removeprefix("# branch.oid ").removeprefix("(initial)")
        elif entry.startswith("? "):
            untracked.append(entry[2:])
        elif entry[:2] in {"1 ", "2 ", "u "}:
            changed = True
    return commit, changed or (bool(untracked) and _any_judged(root, untracked, judged))


def _any_judged(root: Path, untracked: list[str], judged: Iterable[str]) -> bool:
    prefix = (_git(root, "rev-parse", "--show-prefix") or "").rstrip("\n")
    named = {os.path.normpath(prefix + file) for file in judged if not os.path.isabs(file)}
    folders = tuple(entry for entry in untracked if entry.endswith("/"))
    return not named.isdisjoint(untracked) or any(name.startswith(folders) for name in named)


def _git(root: Path, *arguments: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None
