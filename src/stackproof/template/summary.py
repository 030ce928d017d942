"""What a template has to do with others, told from its own text alone: cheap, and safe to cache with it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.config import Config
from stackproof.template.model import Document
from stackproof.template.nested import stacks, url_property, written_text
from stackproof.template.unknowns import escape

_VARIABLE = re.compile(r"\$\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Summary:
    """``exports`` are patterns of the exports' names; ``children`` the written URLs of nested stacks."""

    file: str
    exports: tuple[str, ...] = ()
    imports: bool = False
    children: tuple[str, ...] = ()

    def may_export(self, name: str) -> bool:
        """Whether an export of this template can have that name."""
        return any(re.fullmatch(pattern, name, re.DOTALL) for pattern in self.exports)


def summarise(document: Document, tree: Mapping[str, Any] | None = None) -> Summary:
    """The summary of a template; ``tree`` is the expanded one where includes or loops may add resources."""
    tree = document.tree if tree is None else tree
    outputs = tree.get("Outputs")
    exports: dict[str, None] = {}
    for output in outputs.values() if isinstance(outputs, Mapping) else ():
        export = output.get("Export") if isinstance(output, Mapping) else None
        if isinstance(export, Mapping) and "Name" in export:
            exports[_pattern(export["Name"])] = None
    children = tuple(
        dict.fromkeys(
            written_text(properties[url_property(str(resource["Type"]))])
            for _, resource in stacks(tree.get("Resources"))
            if isinstance(properties := resource.get("Properties"), Mapping)
            and url_property(str(resource["Type"])) in properties
        )
    )
    return Summary(document.file, tuple(exports), "ImportValue" in document.text, children)


def _pattern(name: Any) -> str:
    text = written_text(name)
    return ".*".join(escape(piece) for piece in _VARIABLE.split(text))


class Names:
    """The files of an estate by the last segment of their names, and the targets of ``template_urls``."""

    def __init__(self, files: Iterable[str], config: Config) -> None:
        tables = [config.template_urls, *(one.template_urls for one in config.environments.values())]
        mapped = {posixpath.normpath(target) for table in tables for target in table.values()}
        self._all = frozenset(files)
        self._mapped = self._all & mapped
        self._by_base: dict[str, set[str]] = {}
        for file in self._all:
            self._by_base.setdefault(posixpath.basename(file), set()).add(file)

    def children(self, summary: Summary) -> frozenset[str]:
        """The files that the template's nested stacks may mean; rather one too many.

        A URL means every file of its last segment's name; one whose last segment is unknown, every file.
        """
        found: set[str] = set()
        for text in summary.children:
            last = text.split("?", 1)[0].rsplit("/", 1)[-1]
            if "${" in last:
                return self._all
            found |= self._by_base.get(last, set()) | self._mapped
        return frozenset(found)
