"""From a path in a decoded tree to its place in the source, by the marks of cfn-lint's nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stackproof.model import DocPath, Location


@dataclass(frozen=True, slots=True)
class Marks:
    """Callable: the span of the key (or list item) at a path, or of the nearest parent that has one."""

    file: str
    tree: Any

    def __call__(self, path: DocPath) -> Location:
        node, best = self.tree, Location(self.file)
        for step in path:
            if isinstance(node, dict):
                key = _own_key(node, step)
                if key is None:
                    break
                best = self._span(key) or self._span(node[key]) or best
                node = node[key]
            elif isinstance(node, list) and isinstance(step, int) and -len(node) <= step < len(node):
                node = node[step]
                best = self._span(node) or best
            else:
                break
        return best

    def _span(self, node: Any) -> Location | None:
        start, end = getattr(node, "start_mark", None), getattr(node, "end_mark", None)
        if start is None or end is None:
            return None
        return Location(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def existing(tree: Any, path: DocPath) -> DocPath:
    """The longest beginning of ``path`` that exists in ``tree``."""
    node: Any = tree
    for count, step in enumerate(path):
        keyed = isinstance(node, dict) and step in node
        listed = isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node)
        if keyed or listed:
            node = node[step]
        else:
            return path[:count]
    return path


def _own_key(node: dict[Any, Any], step: str | int) -> Any:
    """The key object of ``node`` that equals ``step``: it carries the mark, ``step`` does not."""
    if step not in node:
        return None
    for key in node:
        if key == step:
            return key
    return None


def plain(node: Any) -> Any:
    """A copy of a decoded tree in plain ``dict``, ``list`` and ``str``."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(item) for item in node]
    return str(node) if isinstance(node, str) else node
