"""Which files changed since a git revision, as git sees the work tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from stackproof.errors import UsageError


def changed_since(root: Path, revision: str) -> frozenset[Path]:
    """The absolute paths that differ from where this work tree left ``revision``; removed ones too.

    Uncommitted and untracked files count. Raises ``UsageError`` without git, outside a repository, or for
    a revision that git does not know.
    """
    if revision.startswith("-"):
        raise UsageError(f"'{revision}' is no git revision")
    top = Path(_git(root, "rev-parse", "--show-toplevel").rstrip("\n"))
    commit = _git(
        root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", unknown=revision
    ).strip()
    differing = _git(top, "diff", "--name-only", "--no-renames", "-z", _fork(root, commit), "--")
    untracked = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return frozenset(top / name for name in (differing + untracked).split("\0") if name)


def _fork(root: Path, commit: str) -> str:
    """The commit where the histories part; the revision itself in a shallow clone that lacks it."""
    try:
        return _git(root, "merge-base", commit, "HEAD").strip()
    except UsageError:
        return commit


def _git(folder: Path, *arguments: str, unknown: str = "") -> str:
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}", hint="--changed-since needs git") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        message = (
            f"git does not know the revision '{unknown}'" if unknown else "git says: " + " ".join(said[:1])
        )
        hint = "fetch it first, for example 'git fetch origin main'" if unknown else ""
        raise UsageError(message, hint=hint)
    return done.stdout.decode("utf-8", "surrogateescape")
