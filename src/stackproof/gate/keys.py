"""The keys under which answers are kept: every input that can change a verdict is in one of them.

What is only known after judging (an include, a nested template, a file that a custom rule opens) is
kept with the answer as its ``reads``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from stackproof.checks.guard.rulesets import rule_files
from stackproof.checks.lint import surroundings
from stackproof.config import Config
from stackproof.gate.digests import Files, combine, of_config, of_tools
from stackproof.gate.links import Links
from stackproof.gate.results import OUTSIDE, RESOLVED, WRITTEN
from stackproof.template.discover import TemplateFile
from stackproof.template.environments import config_files

_SIBLINGS = (".yaml", ".yml", ".json", ".template")


class Keys:
    """The keys of one run over ``templates`` (all of the project's, also those that are not judged)."""

    def __init__(
        self, root: Path, config: Config, files: Files, templates: Sequence[TemplateFile], *, as_written: bool
    ) -> None:
        self._root = root
        self._config = config
        self._files = files
        self.templates = {template.file: template for template in templates}
        self._mode = "as written" if as_written else "as deployed"
        self._folders: dict[Path, str] = {}
        self._assemblies: dict[Path, str] = {}
        self._texts: dict[str, bytes] = {}
        self._parts: dict[str, str] = {}
        self._groups: dict[frozenset[str], str] = {}

    @cached_property
    def tools(self) -> str:
        """Python, the installed distributions, our own code, and the form of the keys."""
        return combine("1", of_tools())

    @cached_property
    def lint(self) -> str:
        """What cfn-lint reads besides the template."""
        parts = [self._files.name(surroundings.base_folder(self._root))]
        for path in surroundings.inputs(self._root):
            parts += [self._files.name(path), self._files.through(path)]
        return combine(*parts, *(f"{name}={value}" for name, value in surroundings.environment().items()))

    @cached_property
    def policies(self) -> str:
        """The rule sets' files. Raises ``ConfigError`` for a rule set that is not there."""
        parts = []
        for number, (_, paths) in enumerate(rule_files(self._config, self._root)):
            for path in paths:
                parts += [str(number), self._files.name(path), self._files.digest(self._files.name(path))]
        return combine(*parts)

    @cached_property
    def settings(self) -> str:
        """The settings that decide what is found."""
        return combine(self._mode, of_config(self._config))

    @cached_property
    def links(self) -> Links:
        """Which templates can change each other's verdict."""
        return Links({name: self.text(name) for name in self.templates}, self._config)

    def text(self, name: str) -> bytes:
        """The bytes of a template, none when it cannot be read."""
        if name not in self._texts:
            try:
                self._texts[name] = self.templates[name].path.read_bytes()
            except OSError:
                self._texts[name] = b""
        return self._texts[name]

    def stage(self, name: str, stage: str) -> str:
        """The key of one stage of one template."""
        if stage == WRITTEN:
            return combine(WRITTEN, self.tools, self.lint, name, self._digest(name))
        parts = [stage, self.tools, self.settings, name, self._surroundings(self.links.related(name))]
        if stage == RESOLVED:
            return combine(*parts, self.policies)
        assert stage == OUTSIDE
        return combine(*parts, self.lint)

    def lint_rules(self) -> str:
        """The key of the list of cfn-lint's rules."""
        return combine("lint rules", self.tools, self.lint)

    def run(self, judged: Iterable[str], assemblies: Iterable[Path]) -> str:
        """The key of a whole run's answer."""
        parts = ["run", self.tools, self.lint, self.policies, self.settings, *sorted(judged), "of"]
        parts.append(self._surroundings(self.templates))
        return combine(*parts, *(self.assembly(folder) for folder in assemblies))

    def assembly(self, folder: Path) -> str:
        """The key of what is wrong with a cloud assembly."""
        if folder not in self._assemblies:
            parts = ("assembly", self.tools, self._files.name(folder), self._files.through(folder))
            self._assemblies[folder] = combine(*parts)
        return self._assemblies[folder]

    def _digest(self, name: str) -> str:
        return self._files.digest(self._files.name(self.templates[name].path))

    def _surroundings(self, names: Iterable[str]) -> str:
        """The content of some templates and of everything that configures them."""
        group = frozenset(names)
        if group not in self._groups:
            self._groups[group] = combine(*(self._part(name) for name in sorted(group)))
        return self._groups[group]

    def _part(self, name: str) -> str:
        if name not in self._parts:
            template = self.templates[name]
            folder = self._folder(template.path)
            self._parts[name] = combine(name, self._digest(name), template.assembly, folder)
        return self._parts[name]

    def _folder(self, path: Path) -> str:
        """The configuration files beside a template, and which other templates are there."""
        if path.parent not in self._folders:
            parts = []
            for file in config_files(path):
                parts += [file.name, self._files.digest(self._files.name(file))]
            try:
                siblings = sorted(name for name in os.listdir(path.parent) if name.endswith(_SIBLINGS))
            except OSError:
                siblings = []
            self._folders[path.parent] = combine(*parts, "beside", *siblings)
        return self._folders[path.parent]
