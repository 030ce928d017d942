"""All templates of a project together: nested stacks, exports, and what depends on what."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stackproof.config import Config
from stackproof.model import Finding, Location, Related
from stackproof.template import summary
from stackproof.template.discover import TemplateFile
from stackproof.template.environments import ConfigurationSet, config_files, configurations, display
from stackproof.template.family import Family
from stackproof.template.imports import EnvironmentExports
from stackproof.template.load import load
from stackproof.template.model import (
    Configuration,
    Document,
    Expanded,
    Resolved,
)
from stackproof.template.places import real
from stackproof.template.resolve import resolve
from stackproof.template.transform import expand
from stackproof.template.unknowns import text_of


class Estate:
    """Resolves templates with what the others give them. Documents are loaded when they are asked for.

    ``templates`` are the files of the project, or documents that are loaded already. A child stack that
    is not among them is loaded from its place.
    """

    def __init__(self, root: Path, config: Config, templates: Iterable[TemplateFile | Document] = ()) -> None:
        self.root = root
        self.config = config
        self._paths: dict[str, Path] = {}
        self._documents: dict[str, Document | None] = {}
        self._sets: dict[str, ConfigurationSet] = {}
        self._expanded: dict[tuple[str, str], Expanded] = {}
        self._summaries: dict[str, summary.Summary | None] = {}
        self._instances: dict[str, list[Resolved]] = {}
        self._done: set[str] = set()
        self._visiting: list[str] = []
        self._parents: dict[str, list[str]] | None = None
        self._nested: dict[str, frozenset[str]] = {}
        self._names: summary.Names | None = None
        self._settings: dict[str, frozenset[str]] = {}
        self.open: list[tuple[str, Configuration]] = []
        for template in templates:
            self.add(template)

    def add(self, template: TemplateFile | Document) -> None:
        """Make a template part of the estate; do so before the first question."""
        self._paths[template.file] = template.path
        if isinstance(template, Document):
            self._documents[template.file] = template
        self._parents = self._names = None
        self._nested.clear()

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all templates."""
        return tuple(self._paths)

    def document(self, file: str) -> Document | None:
        """A template as written, None when it cannot be loaded (the loader's findings are the gate's)."""
        if file not in self._documents:
            path = self._paths.get(file)
            size = self.config.max_file_size
            self._documents[file] = load(file, path, max_size=size).document if path else None
        return self._documents[file]

    def summary(self, file: str) -> summary.Summary | None:
        """What a template has to do with others, None when it cannot be loaded."""
        if file not in self._summaries:
            document = self.document(file)
            if document is None:
                self._summaries[file] = None
            else:
                grows = "Include" in document.text or "ForEach" in document.text
                tree = self._expand(document, Configuration("")).tree if grows else None
                self._summaries[file] = summary.summarise(document, tree)
        return self._summaries[file]

    def instances(self, file: str) -> tuple[Resolved, ...]:
        """The template as each parent and configuration makes it; alone only if nothing reaches it."""
        self.ensure(file)
        return tuple(self._instances.get(file, ()))

    def existing(self, file: str) -> tuple[Resolved, ...]:
        """The instances that are there already."""
        return tuple(self._instances.get(file, ()))

    def ensure(self, file: str) -> None:
        """Resolve every instance of a template, its possible parents first."""
        if file in self._done or file in self._visiting:
            return
        self._visiting.append(file)
        try:
            for parent in self.parents(file):
                self.ensure(parent)
            if not self._instances.get(file) and self.document(file) is not None:
                for configuration in self.configurations(file).configurations:
                    self._instantiate(file, configuration, ())
        finally:
            self._visiting.pop()
        self._done.add(file)

    def visiting(self, file: str) -> bool:
        """Whether a template, or one that may be its parent, is being resolved right now."""
        return any(name in self._visiting for name in {file, *self._closure([file], self.parents)})

    def configurations(self, file: str) -> ConfigurationSet:
        """The configurations of a template by itself."""
        if file not in self._sets:
            document = self.document(file)
            self._sets[file] = (
                configurations(document, self.config, self.root) if document else ConfigurationSet(())
            )
        return self._sets[file]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that concerns no single instance: configuration files, exports given twice."""
        found: dict[Any, Finding] = {}
        for file in self.files:
            for finding in self.findings_for(file):
                found.setdefault((finding.rule, finding.location, finding.message), finding)
        return tuple(found.values())

    def findings_for(self, file: str) -> tuple[Finding, ...]:
        """The part of ``findings`` that a template's own files show."""
        self.ensure(file)
        own = self._sets[file].findings if file in self._sets else ()
        return (*own, *self._exported_twice(file))

    def _exported_twice(self, file: str) -> Iterator[Finding]:
        seen: set[tuple[str, str]] = set()
        for mine in self.instances(file):
            environment = mine.configuration.environment
            for name in mine.exports if environment else ():
                for other in self._exporters(name):
                    for theirs in self.instances(other):
                        key = (environment, name)
                        if key in seen or not _same_place(mine, theirs) or name not in theirs.exports:
                            continue
                        seen.add(key)
                        here, there = export_place(mine, name), export_place(theirs, name)
                        yield Finding(
                            "SP-EXPORT-TWICE",
                            f"'{name}' is exported by {other} too, in environment '{environment}'",
                            here,
                            source="template",
                            configurations=(mine.configuration.name,),
                            related=(Related(there, "the other export"),),
                            fix="export names are unique in an account and region: rename one",
                        )

    def _exporters(self, name: str) -> list[str]:
        return [file for file in self.files if (found := self.summary(file)) and found.may_export(name)]

    def exporters(self, name: str) -> list[str]:
        """Templates that may export a name, told from their text."""
        return self._exporters(name)

    def parents(self, file: str) -> list[str]:
        """Templates that may instantiate this one, told from their text."""
        if self._parents is None:
            self._parents = {}
            for name in self.files:
                for child in self._children(name):
                    self._parents.setdefault(child, []).append(name)
        return [name for name in self._parents.get(file, ()) if name != file]

    def _children(self, file: str) -> frozenset[str]:
        if file not in self._nested:
            if self._names is None:
                self._names = summary.Names(self.files, self.config)
            found = self.summary(file)
            self._nested[file] = self._names.children(found) if found and found.children else frozenset()
        return self._nested[file]

    def _closure(self, start: Iterable[str], step: Any) -> set[str]:
        found: set[str] = set()
        pending = list(start)
        while pending:
            for name in step(pending.pop()):
                if name not in found:
                    found.add(name)
                    pending.append(name)
        return found

    def depends_on(self, file: str) -> frozenset[str]:
        """Files whose change can change this template's result, by name, its configuration files included.

        A superset, told from the texts: parents and their children, and every exporter for one that imports.
        """
        group = self._family(file)
        members = [found for name in group if (found := self.summary(name))]
        if any(member.imports or member.exports for member in members):
            for other in self.files:
                found = self.summary(other)
                if found and found.exports and other not in group:
                    # An exporter's family may import in its turn, but only from exporters: they are all in.
                    group |= self._family(other)
        folders = {os.path.dirname(self._paths[name]) for name in group if name in self._paths}
        return frozenset(group).union(*map(self._config_files, folders))

    def _config_files(self, folder: str) -> frozenset[str]:
        """The names of the configuration files of a folder's templates."""
        if folder not in self._settings:
            found = (display(item, self.root) for item in config_files(Path(folder, "template.yaml")))
            self._settings[folder] = frozenset(found)
        return self._settings[folder]

    def _family(self, file: str) -> set[str]:
        above = {file} | self._closure([file], self.parents)
        return above | self._closure(above, self._children)

    def _expand(self, document: Document, configuration: Configuration) -> Expanded:
        """The expansion, shared by configurations where no transform can ask for parameters."""
        key = (document.file, "")
        if "Transform" in document.text:
            values = {name: repr(item.value) for name, item in configuration.parameters.items()}
            place = [configuration.region, configuration.account, configuration.partition]
            key = (document.file, json.dumps([values, place, configuration.stack_name], sort_keys=True))
        if key not in self._expanded:
            self._expanded[key] = expand(document, configuration, root=self.root)
        return self._expanded[key]

    def _instantiate(
        self, file: str, configuration: Configuration, parents: tuple[str, ...]
    ) -> Resolved | None:
        document = self.document(file)
        if document is None:
            return None
        expanded = self._expand(document, configuration)
        self.open.append((file, configuration))
        try:
            family = Family(self, expanded, configuration, parents)
            resolved = resolve(
                expanded,
                configuration,
                exports=EnvironmentExports(self, file, configuration),
                parents=parents,
                nested=family.outputs,
            )
            resolved = family.finish(resolved)
        finally:
            self.open.pop()
        self._instances.setdefault(file, []).append(resolved)
        return resolved

    def child(self, path: Path, configuration: Configuration, parents: tuple[str, ...]) -> Resolved | None:
        """Instantiate a child stack from its file."""
        file = self.name_of(path)
        return self._instantiate(file, configuration, parents)

    def name_of(self, path: Path) -> str:
        """The estate's name of a file, which joins it when it is new."""
        resolved = real(path)
        for name, known in self._paths.items():
            if known == path or real(known) == resolved:
                return name
        name = display(path, self.root)
        self._paths[name] = path
        return name

    def expanded(self, file: str, configuration: Configuration) -> Expanded | None:
        """A template's expansion for a configuration."""
        document = self.document(file)
        return self._expand(document, configuration) if document else None


def _same_place(mine: Resolved, theirs: Resolved) -> bool:
    """Whether two instances are different stacks of one environment, region and account."""
    one, other = mine.configuration, theirs.configuration
    if mine is theirs or one.environment != other.environment:
        return False
    if mine.expanded.document.file == theirs.expanded.document.file and one.name == other.name:
        return False
    places = [(one.region, other.region), (one.account, other.account)]
    return all(not left or not right or left == right for left, right in places)


def export_place(resolved: Resolved, name: str) -> Location:
    """Where an instance exports a name."""
    outputs = resolved.tree.get("Outputs", {})
    for key, output in outputs.items():
        export = output.get("Export") if isinstance(output, Mapping) else None
        if isinstance(export, Mapping) and text_of(export.get("Name")) == name:
            return resolved.locate(("Outputs", key, "Export", "Name"))
    return resolved.locate(("Outputs",))
