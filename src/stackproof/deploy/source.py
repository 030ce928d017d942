"""From a path (or a template in the test itself) and a configuration's name to a blueprint, cached."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stackproof.config import Config
from stackproof.deploy.shelf import Shelf
from stackproof.deploy.state import Blueprint
from stackproof.errors import DeploymentFailed, UsageError
from stackproof.model import Finding, Outcome, Severity
from stackproof.template.discover import discover
from stackproof.template.environments import configurations, display
from stackproof.template.load import load_bytes
from stackproof.template.model import Configuration, Document, Expanded, ParameterValue
from stackproof.template.resolve import resolve
from stackproof.template.transform import expand

_NAMES = ("template.yaml", "template.yml", "template.json", "template.template")
_ORDINARY = "test"
INLINE = "<template>"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a stack is going to be: what the pseudo parameters need."""

    stack: str
    account: str
    region: str
    partition: str


class Library:
    """Templates of a project, made ready for deployment. One serves many worlds."""

    def __init__(self, root: Path, config: Config) -> None:
        self.root = root
        self.config = config
        self._shelf = Shelf(root / config.cache / "documents" if config.cache else None)
        self._documents: dict[tuple[str, bytes], Document] = {}
        self._blueprints: dict[tuple[Any, ...], tuple[Blueprint, tuple[tuple[Path, bytes], ...]]] = {}
        self._settings: dict[tuple[str, bytes], tuple[Configuration, ...]] = {}

    # Templates.

    def find(self, path: str | Path) -> Path:
        """The template file that a path means. Raises ``UsageError``."""
        given = Path(path)
        for base in (Path.cwd(), self.root):
            place = base / given
            if place.is_file():
                return place
            if place.is_dir():
                return self._in_folder(place)
        raise UsageError(f"there is no template at '{path}'", hint="give a folder or a template file")

    def _in_folder(self, folder: Path) -> Path:
        for name in _NAMES:
            if (folder / name).is_file():
                return folder / name
        found = discover(self.root, [folder], self.config).templates
        beside = [one.path for one in found if one.path.parent == folder]
        if len(beside) == 1:
            return beside[0]
        names = ", ".join(path.name for path in beside) or "none"
        raise UsageError(f"'{folder}' has no template.yaml; its templates are: {names}", hint="name the file")

    def document(self, template: str | Path | Mapping[str, Any]) -> Document:
        """The decoded template. Raises ``DeploymentFailed`` when it cannot be read."""
        if isinstance(template, Mapping):
            path, data = self.root / INLINE, json.dumps(template, indent=1, default=str).encode()
            file = INLINE
        elif isinstance(template, str) and "\n" in template:
            path, data, file = self.root / INLINE, template.encode(), INLINE
        else:
            path = self.find(template).resolve()
            data, file = path.read_bytes(), display(path, self.root)
        key = (str(path), hashlib.sha256(data).digest())
        if key not in self._documents:
            self._documents[key] = self._shelf.find(file, path, data) or self._decoded(file, path, data)
        return self._documents[key]

    def _decoded(self, file: str, path: Path, data: bytes) -> Document:
        loaded = load_bytes(file, path, data)
        _refuse(loaded.findings)
        if loaded.document is None:
            raise DeploymentFailed("is no template", file=file)
        if not loaded.findings:
            self._shelf.keep(loaded.document, data)
        return loaded.document

    # Configurations.

    def configuration(self, document: Document, name: str | None) -> Configuration:
        """The configuration of that name; without a name the only one, or ``test``. Raises ``UsageError``."""
        found = [one for one in self._configurations(document) if one.environment or one.files]
        if name is None:
            ordinary = [one for one in found if _ORDINARY in (one.name, one.environment)]
            chosen = found if len(found) == 1 else ordinary
            if found and not chosen:
                names = ", ".join(one.name for one in found)
                raise UsageError(f"{document.file} has several configurations: {names}", hint="name one")
            return chosen[0] if chosen else Configuration("")
        for one in found:
            if name in (one.name, one.environment):
                return one
        names = ", ".join(one.name for one in found) or "none"
        raise UsageError(f"{document.file} has no configuration '{name}'; there are: {names}")

    def _configurations(self, document: Document) -> tuple[Configuration, ...]:
        if document.file == INLINE:
            return ()
        answer = configurations(document, self.config, self.root)
        _refuse(answer.findings)
        return answer.configurations

    def blueprint(
        self,
        document: Document,
        configuration: Configuration,
        parameters: Mapping[str, Any],
        spot: Spot,
    ) -> Blueprint:
        """The template expanded and checked. Raises ``DeploymentFailed`` for what a deploy would refuse."""
        declared = document.tree.get("Parameters")
        known = declared if isinstance(declared, dict) else {}
        strange = [name for name in parameters if name not in known]
        if strange:
            raise DeploymentFailed(
                f"Parameters: [{', '.join(strange)}] do not exist in the template", file=document.file
            )
        given = {
            name: ParameterValue(value, document.locate(("Parameters", name)))
            for name, value in parameters.items()
        }
        values = {**configuration.parameters, **given}
        placed = replace(
            configuration,
            parameters={name: value for name, value in values.items() if name in known},
            region=spot.region,
            account=spot.account,
            partition=spot.partition,
            stack_name=spot.stack,
        )
        return self._cached(document, placed)

    def _cached(self, document: Document, configuration: Configuration) -> Blueprint:
        values = {name: repr(item.value) for name, item in configuration.parameters.items()}
        place = (configuration.account, configuration.region, configuration.stack_name)
        key = (id(document), configuration.name, json.dumps(values, sort_keys=True), *place)
        held = self._blueprints.get(key)
        if held is not None and all(_digest(path) == digest for path, digest in held[1]):
            return held[0]
        expanded = expand(
            document, configuration, root=self.root, template_urls=dict(self.config.template_urls)
        )
        blueprint = Blueprint(expanded, configuration)
        self._check(expanded, configuration)
        self._blueprints[key] = (blueprint, tuple((path, _digest(path)) for path in expanded.reads))
        return blueprint

    def _check(self, expanded: Expanded, configuration: Configuration) -> None:
        _refuse(expanded.findings)
        _refuse(resolve(expanded, configuration).findings)


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""


def _refuse(findings: tuple[Finding, ...]) -> None:
    """Raise for the findings that CloudFormation itself would raise for."""
    faults = [one for one in findings if one.outcome is Outcome.FAIL and one.severity is Severity.ERROR]
    if not faults:
        return
    first, *others = faults
    more = "".join(f"\n  {one.location}: {one.message}" for one in others)
    place = first.location
    raise DeploymentFailed(
        f"the template is refused: {first.message}{more}",
        logical_id=first.logical_id,
        reason=first.message,
        file=place.file,
        line=place.line,
        column=place.column,
        hint=first.fix,
    )


def stack_name(document: Document, configuration: Configuration) -> str:
    """The name of a stack that nobody names: the configuration's, else the template's folder or file."""
    if configuration.stack_name:
        return configuration.stack_name
    path = document.path
    if document.file == INLINE:
        text = "stack"
    else:
        text = path.parent.name if path.name in _NAMES else path.stem
    name = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
    return (name if name[:1].isalpha() else f"stack-{name}")[:100]
