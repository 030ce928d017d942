"""Where a path of an expanded tree came from: sparse maps from new paths to old ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stackproof.model import DocPath, Location
from stackproof.template.marks import Marks, existing
from stackproof.template.model import Document


@dataclass(frozen=True, slots=True)
class PathMap:
    """Only moved paths are recorded; what lies below one moves with it, all else stays where it was."""

    moved: dict[DocPath, DocPath] = field(default_factory=dict)

    def back(self, path: DocPath) -> DocPath:
        """The old path of a new one."""
        if self.moved:
            for length in range(len(path), -1, -1):
                old = self.moved.get(path[:length])
                if old is not None:
                    return old + path[length:]
        return path


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of the tree that came from another file.

    ``tree`` is that file's marked tree, ``path`` the path in it, ``at`` the include in the document.
    """

    marks: Marks
    path: DocPath
    at: DocPath

    @property
    def tree(self) -> Any:
        """The decoded file."""
        return self.marks.tree


@dataclass(frozen=True, slots=True)
class IncludeMap:
    """The map of the include stage: ``moved`` within the document, ``snippets`` from other files."""

    document: Document
    moved: PathMap = field(default_factory=PathMap)
    snippets: dict[DocPath, Snippet] = field(default_factory=dict)

    def locate(self, path: DocPath) -> Location:
        """The source line that produced ``path``, perhaps in an included file."""
        snippet, rest = self._snippet(path)
        if snippet is not None:
            return snippet.marks(snippet.path + rest)
        return self.document.locate(self.moved.back(path))

    def origin(self, path: DocPath) -> DocPath:
        """The path in the document itself: of the include, for what another file holds."""
        snippet, _ = self._snippet(path)
        return existing(self.document.tree, snippet.at if snippet else self.moved.back(path))

    def _snippet(self, path: DocPath) -> tuple[Snippet | None, DocPath]:
        for length in range(len(path), -1, -1) if self.snippets else ():
            if path[:length] in self.snippets:
                return self.snippets[path[:length]], path[length:]
            if path[:length] in self.moved.moved:
                break
        return None, ()
