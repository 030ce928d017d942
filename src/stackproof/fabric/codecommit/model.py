"""Commits and branches, as repositories here and elsewhere keep them. All frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stackproof.fabric.trees import Blob, Source, committed, digest, tree_of

HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its files as a whole. ``ms`` is when it came, in milliseconds."""

    id: str
    parent: str
    message: str
    author: str
    ms: int
    tree: Mapping[str, Blob]


@dataclass(frozen=True, slots=True)
class History:
    """Commits by id, and branches (name to commit id)."""

    commits: Mapping[str, Commit] = field(default_factory=dict)
    branches: Mapping[str, str] = field(default_factory=dict)

    def find(self, reference: str) -> Commit | None:
        """The commit of a branch (also ``refs/heads/…``) or an id."""
        name = reference.removeprefix(HEADS)
        return self.commits.get(self.branches.get(name, reference))

    def grown(self, commit: Commit, branch: str) -> History:
        """With a commit at the end of a branch."""
        return replace(
            self,
            commits={**self.commits, commit.id: commit},
            branches={**self.branches, branch: commit.id},
        )


def made(
    source: Source, history: History, branch: str, message: str, author: str, ms: int, reference: str = ""
) -> Commit:
    """A commit of what stands in a folder or a mapping; with a reference that of a git repository."""
    parent = history.branches.get(branch, "")
    if reference:
        identifier, text, files = committed(Path(str(source)), reference)
        return Commit(identifier, parent, message or text, author, ms, files)
    tree = tree_of(source)
    return Commit(digest(tree, parent, message, str(ms)), parent, message, author, ms, tree)
