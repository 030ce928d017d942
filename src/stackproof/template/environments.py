"""The deployment configurations of a template: which there are and what each says.

Beside a template ``config/<env>.json`` (``.yaml``, ``.yml``) serves every template of the folder;
``config/<template>.<env>.json`` serves one and wins key by key. ``samconfig.toml`` names environments
too. An environment of the project's configuration that has ``parameters`` which the template declares
makes a configuration without a file. With none of these the defaults decide, once for each allowed value
of a parameter that has no default.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackproof.config import Config, Environment
from stackproof.model import Finding, Location, Outcome, Severity
from stackproof.template import parameter_files, samconfig
from stackproof.template.model import Configuration, Document, ParameterValue, Unknown
from stackproof.template.parameter_files import Settings
from stackproof.template.places import is_file, real
from stackproof.template.unknowns import text_of

FOLDER = "config"
_SUFFIXES = (".json", ".yaml", ".yml")
_TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template")


@dataclass(frozen=True, slots=True)
class ConfigurationSet:
    """The configurations of one template, what is wrong with their files, and the files that were read."""

    configurations: tuple[Configuration, ...]
    findings: tuple[Finding, ...] = ()
    reads: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Sources:
    """Where one environment's values come from, the most general first; ``broken`` are the unreadable."""

    files: list[tuple[Path, Settings]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def readable(self) -> bool:
        """Whether something is known of the environment besides its name."""
        return not self.broken or len(self.broken) < len(self.files)


def config_files(template: Path) -> tuple[Path, ...]:
    """Every file whose content can change the configurations of a template. Reads the folder only."""
    folder = template.parent / FOLDER
    found: list[Path] = []
    if folder.is_dir():
        found = sorted(item for item in folder.iterdir() if item.suffix in _SUFFIXES and is_file(item))
    sam = template.parent / samconfig.FILE_NAME
    return (*found, sam) if is_file(sam) else tuple(found)


def display(path: Path, root: Path) -> str:
    """The name of a file in findings: relative to the project when it lies inside."""
    try:
        return real(path).relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def configurations(document: Document, config: Config, root: Path) -> ConfigurationSet:
    """The configurations that a template is judged for, at least one.

    A file that cannot be read or does not fit is a finding; the others still count.
    """
    declared = document.tree.get("Parameters")
    parameters: Mapping[str, Any] = declared if isinstance(declared, dict) else {}
    reader = _Reader(document, config, root, parameters)
    sources = reader.collect()
    if not sources:
        return _without(document, parameters, config, tuple(reader.findings), tuple(reader.reads))
    found = [_configuration(name, source, config, parameters) for name, source in sorted(sources.items())]
    return ConfigurationSet(tuple(found), tuple(reader.findings), tuple(reader.reads))


class _Reader:
    """Reads the files around one template."""

    def __init__(self, document: Document, config: Config, root: Path, parameters: Mapping[str, Any]) -> None:
        self._path = document.path
        self._config = config
        self._root = root
        self._parameters = parameters
        self._siblings: dict[str, Path] = {}
        self.findings: list[Finding] = []
        self.reads: list[Path] = []

    def collect(self) -> dict[str, _Sources]:
        """Environment names with their sources."""
        general: dict[str, list[Path]] = {}
        special: dict[str, list[Path]] = {}
        files = config_files(self._path)
        if files:
            self._siblings = _siblings(self._path)
        for path in files:
            if path.name == samconfig.FILE_NAME or parameter_files.is_template(path):
                continue
            owner, environment = self._owner(path)
            if owner == self._path.stem:
                special.setdefault(environment, []).append(path)
            elif not owner:
                general.setdefault(environment, []).append(path)
        found: dict[str, _Sources] = {}
        self._samconfig(found)
        for environment in sorted({*general, *special}):
            source = found.setdefault(environment, _Sources())
            self._take(source, general.get(environment, []), environment, is_general=True)
            self._take(source, special.get(environment, []), environment, is_general=False)
        for name, environment_config in self._config.environments.items():
            if name not in found and any(key in self._parameters for key in environment_config.parameters):
                found[name] = _Sources()
        # An environment of which nothing can be read is reported; judged without it would only mislead.
        found = {name: source for name, source in found.items() if source.readable}
        given = {
            name: source
            for name, source in found.items()
            if not source.files or any(settings.given for _, settings in source.files)
        }
        return given or found

    def _owner(self, path: Path) -> tuple[str, str]:
        """The template that a file belongs to ("" for all of the folder) and the environment."""
        stems = sorted((stem for stem in self._siblings if path.stem.startswith(f"{stem}.")), key=len)
        if stems:
            return stems[-1], path.stem[len(stems[-1]) + 1 :]
        return "", path.stem

    def _take(self, source: _Sources, paths: Sequence[Path], environment: str, *, is_general: bool) -> None:
        for index, path in enumerate(paths):
            file = display(path, self._root)
            self.reads.append(path)
            if index:
                message = f"environment '{environment}' has two files: {paths[0].name} and {path.name}"
                settings = Settings()
                settings.report("DUPLICATE", message, Location(file), "keep one of them")
                self.findings.extend(settings.findings)
                continue
            settings = parameter_files.read(path, file, self._config.max_file_size)
            self._check_names(settings, is_general=is_general)
            self.findings.extend(settings.findings)
            source.files.append((path, settings))
            if settings.broken:
                source.broken.append(file)

    def _samconfig(self, found: dict[str, _Sources]) -> None:
        path = self._path.parent / samconfig.FILE_NAME
        if not is_file(path):
            return
        self.reads.append(path)
        environments, own = samconfig.environments(path, display(path, self._root), self._path)
        self.findings.extend(own.findings)
        for name, settings in environments.items():
            self._check_names(settings, is_general=False)
            self.findings.extend(settings.findings)
            found.setdefault(name, _Sources()).files.append((path, settings))

    def _check_names(self, settings: Settings, *, is_general: bool) -> None:
        """Refuse values for parameters that nobody declares; keep only the template's own."""
        for name, location in list(parameter_files.names(settings)):
            if name in self._parameters:
                continue
            del settings.parameters[name]
            if is_general and any(_declares(path, name) for path in self._siblings.values()):
                continue
            known = ", ".join(sorted(self._parameters)[:8]) or "none"
            settings.report(
                "UNKNOWN-PARAMETER",
                f"'{name}' is no parameter of {self._path.name}; its parameters are: {known}",
                location,
                "declare the parameter in the template, or take it out of the file",
            )


def _siblings(path: Path) -> dict[str, Path]:
    """The templates of a folder (by their endings), by stem; the given one for its own."""
    with os.scandir(path.parent) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(_TEMPLATE_SUFFIXES))
    found = [item for name in names if is_file(item := path.parent / name)]
    return {**{item.stem: item for item in found}, path.stem: path}


def _declares(path: Path, name: str) -> bool:
    """Whether a template's text has the name as a key; cheap, and enough not to accuse wrongly."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(rf"(?m)(?:^|[\s{{,])[\"']?{re.escape(name)}[\"']?\s*:", text) is not None


def _configuration(
    name: str, source: _Sources, config: Config, parameters: Mapping[str, Any]
) -> Configuration:
    known = config.environments.get(name, Environment())
    place = Location(config.file or "stackproof.toml")
    values = {
        key: ParameterValue(text_of(value), place)
        for key, value in known.parameters.items()
        if key in parameters
    }
    tags: dict[str, str] = {}
    policy: Any = None
    region = stack_name = ""
    for _, settings in source.files:
        values.update(settings.parameters)
        tags.update(settings.tags)
        policy = settings.stack_policy if settings.stack_policy is not None else policy
        region, stack_name = settings.region or region, settings.stack_name or stack_name
    values.update(_unread(source, parameters, values))
    return Configuration(
        name=name,
        environment=name,
        parameters=values,
        tags=tags,
        stack_policy=policy,
        region=known.region or region,
        account=known.account,
        partition=known.partition,
        stack_name=known.stack_name or stack_name,
        organization=known.organization,
        files=tuple(path for path, _ in source.files),
    )


def _unread(
    source: _Sources, parameters: Mapping[str, Any], values: Mapping[str, ParameterValue]
) -> dict[str, ParameterValue]:
    """What a broken file may say of the parameters that have no value elsewhere: they are not missing."""
    found: dict[str, ParameterValue] = {}
    for file in source.broken:
        for name, raw in parameters.items():
            if name not in values and isinstance(raw, dict) and "Default" not in raw:
                reason = f"may have a value in {file}, which cannot be read"
                unknown = Unknown({"Ref": name}, reason, may_be_empty=True, sources=(name,))
                found[name] = ParameterValue(unknown, Location(file))
    return found


def _without(
    document: Document,
    parameters: Mapping[str, Any],
    config: Config,
    findings: tuple[Finding, ...],
    reads: tuple[Path, ...],
) -> ConfigurationSet:
    """No configuration: the defaults, and each allowed value of what has none."""
    options: dict[str, list[Any]] = {}
    for name, raw in parameters.items():
        if isinstance(raw, dict) and "Default" not in raw:
            allowed = raw.get("AllowedValues")
            if isinstance(allowed, list) and allowed and not _is_listed(raw):
                options[name] = list(dict.fromkeys(text_of(item) for item in allowed))
    if not options:
        return ConfigurationSet((Configuration(""),), findings, reads)
    total = math.prod(len(values) for values in options.values())
    limit = max(1, config.allowed_values_limit)
    rows = list(_spread(options, limit)) if total > limit else list(itertools.product(*options.values()))
    if total > limit:
        findings = (*findings, _bounded(document, options, total, len(rows)))
    found = []
    for row in rows:
        chosen = dict(zip(options, row, strict=True))
        values = {
            name: ParameterValue(value, document.locate(("Parameters", name, "AllowedValues")))
            for name, value in chosen.items()
        }
        label = ", ".join(f"{name}={value}" for name, value in chosen.items())
        found.append(Configuration(label, parameters=values))
    return ConfigurationSet(tuple(found), findings, reads)


def _is_listed(raw: Mapping[str, Any]) -> bool:
    """A list parameter may hold several of the allowed values: it stays unknown."""
    declared = text_of(raw.get("Type") or "")
    return "List" in declared or declared.startswith("AWS::SSM::")


def _spread(options: Mapping[str, list[Any]], limit: int) -> Iterable[tuple[Any, ...]]:
    """At most ``limit`` rows that together hold every value of every parameter, as far as they reach."""
    longest = max(len(values) for values in options.values())
    rows = [tuple(values[index % len(values)] for values in options.values()) for index in range(longest)]
    seen = dict.fromkeys(rows[:limit])
    for row in itertools.product(*options.values()):
        if len(seen) >= limit:
            break
        seen[row] = None
    return seen


def _bounded(document: Document, options: Mapping[str, list[Any]], total: int, judged: int) -> Finding:
    names = ", ".join(options)
    return Finding(
        "SP-CONFIG-BOUND",
        f"{total} combinations of the allowed values of {names}: {judged} of them were judged"
        " (allowed_values_limit)",
        document.locate(("Parameters", next(iter(options)))),
        outcome=Outcome.NOTE,
        severity=Severity.INFO,
        source="template",
        fix="give the parameters defaults or a configuration, or raise allowed_values_limit",
    )
