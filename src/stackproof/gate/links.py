"""Which templates can change each other's verdict, told from their bytes.

A nested stack is judged with what its parents hand down and a parent with its child's outputs; an
import reads another stack's exports. Decoding every template to know this exactly would cost more
than judging the one that changed, so the answer is a superset: whoever names a file, or could.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from stackproof.config import Config

_NESTING = (b"AWS::CloudFormation::Stack", b"AWS::Serverless::Application", b"TemplateURL")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}|[*?]")
_MIN_LITERAL = 4


class Links:
    """The relations among templates. ``texts`` maps a template's name to its bytes."""

    def __init__(self, texts: Mapping[str, bytes], config: Config) -> None:
        self._mapped = dict(_mapped(config))
        self._groups = {name: {name} for name in texts}
        self._related: dict[int, frozenset[str]] = {}
        by_base: dict[str, list[str]] = {}
        for name in texts:
            by_base.setdefault(posixpath.basename(name), []).append(name)
        for name, text in texts.items():
            if any(sign in text for sign in _NESTING):
                for other in self._named_in(name, text, by_base):
                    self._join(name, other)
        self._importing = frozenset(name for name, text in texts.items() if b"ImportValue" in text)
        self._exporting = frozenset(
            name for name, text in texts.items() if b"Export" in text and b"Outputs" in text
        )

    def related(self, name: str) -> frozenset[str]:
        """Every template whose change can change this one's verdict, itself among them."""
        group = self._groups[name]
        known = self._related.get(id(group))
        if known is None:
            related = set(group)
            if not related.isdisjoint(self._importing):
                for exporter in self._exporting:
                    related |= self._groups[exporter]
            # The groups are complete by now and live as long as this object, so their identity tells them.
            self._related[id(group)] = known = frozenset(related)
        return known

    def dependents(self, names: Iterable[str]) -> frozenset[str]:
        """Every template whose verdict can change when these change."""
        changed = frozenset(names)
        return frozenset(name for name in self._groups if not changed.isdisjoint(self.related(name)))

    def _named_in(self, parent: str, text: bytes, by_base: Mapping[str, list[str]]) -> Iterator[str]:
        """The templates that a parent names: where it says if that is one, else all of that base name."""
        for base, owners in by_base.items():
            named = base.encode()
            if named not in text:
                continue
            folder = posixpath.dirname(parent)
            for found in re.finditer(rb"[\w./@+-]*" + re.escape(named), text):
                place = self._place(folder, found[0].decode("utf-8", "replace"))
                yield from [place] if place in owners else owners
        for target, literals in self._mapped.items():
            if target in self._groups and any(literal in text for literal in literals):
                yield target

    def _place(self, folder: str, url: str) -> str:
        """Where a written URL leads: below a mapped folder, or beside the parent."""
        for target, literals in self._mapped.items():
            for literal in literals:
                before, known, rest = url.partition(literal.decode())
                if known and literal and not before:
                    return posixpath.normpath(posixpath.join(target, rest.lstrip("/")))
        return posixpath.normpath(posixpath.join(folder, url))

    def _join(self, one: str, other: str) -> None:
        small, large = sorted((self._groups[one], self._groups[other]), key=len)
        if small is not large:
            large |= small
            for member in small:
                self._groups[member] = large


def _mapped(config: Config) -> Iterator[tuple[str, list[bytes]]]:
    """The local files that ``template_urls`` stands for, with what a template that means one must hold."""
    tables = [config.template_urls, *(one.template_urls for one in config.environments.values())]
    for table in tables:
        for pattern, target in table.items():
            literals = [part for part in _PLACEHOLDER.split(pattern) if len(part) >= _MIN_LITERAL]
            yield posixpath.normpath(target), [part.encode() for part in literals] or [b""]
