"""The estates that a worker resolves in: as small as the templates that can change each other's verdict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackproof.config import Config
from stackproof.gate.links import Links
from stackproof.model import Finding
from stackproof.template.discover import TemplateFile
from stackproof.template.estate import Estate
from stackproof.template.load import Loaded, load
from stackproof.template.model import Document, Resolved

_KEPT = 4


@dataclass(frozen=True, slots=True)
class Instances:
    """A template under each of its configurations, and what was found and read on the way there.

    ``reads`` are absolute paths.
    """

    resolved: tuple[Resolved, ...] = ()
    findings: tuple[Finding, ...] = ()
    reads: frozenset[str] = frozenset()


class _Neighbours(Estate):
    """An estate that keeps what the loader said of each file."""

    def __init__(self, root: Path, config: Config, templates: Iterable[TemplateFile]) -> None:
        super().__init__(root, config, templates)
        self._places = {template.file: template.path for template in templates}
        self._loaded: dict[str, Loaded] = {}

    def loaded(self, file: str) -> Loaded:
        """The document with the loader's findings, read once."""
        if file not in self._loaded:
            self._loaded[file] = load(file, self._places[file], max_size=self.config.max_file_size)
        return self._loaded[file]

    def document(self, file: str) -> Document | None:
        """As ``Estate.document``, without reading a file again."""
        return self.loaded(file).document if file in self._places else super().document(file)


class Estates:
    """The estate of each template. ``related`` gives the names of a template's neighbours and its own."""

    def __init__(
        self,
        root: Path,
        config: Config,
        templates: Mapping[str, TemplateFile],
        related: Callable[[str], frozenset[str]],
    ) -> None:
        self._root = root
        self._config = config
        self._templates = templates
        self._related = related
        self._made: OrderedDict[frozenset[str], _Neighbours] = OrderedDict()

    def loaded(self, file: str) -> Loaded:
        """The template as the loader reads it."""
        return self._of(file).loaded(file)

    def instances(self, file: str) -> Instances:
        """The template as each parent and configuration makes it."""
        estate = self._of(file)
        resolved = estate.instances(file)
        reads = frozenset(str(self._root / name) for name in estate.depends_on(file))
        return Instances(resolved, estate.findings_for(file), reads)

    def _of(self, file: str) -> _Neighbours:
        group = self._related(file)
        if group not in self._made:
            if len(self._made) >= _KEPT:
                self._made.popitem(last=False)
            members = [self._templates[name] for name in sorted(group)]
            self._made[group] = _Neighbours(self._root, self._config, members)
        self._made.move_to_end(group)
        return self._made[group]


def groups(links: Links, files: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each template that is judged its neighbours; templates that share some share one group."""
    merged: list[set[str]] = []
    for file in files:
        related = set(links.related(file))
        apart = []
        for group in merged:
            if group.isdisjoint(related):
                apart.append(group)
            else:
                related |= group
        merged = [*apart, related]
    return {name: frozenset(group) for group in merged for name in group}
