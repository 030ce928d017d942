"""The templates of a network, resolved for the configurations that the inventory names."""

from __future__ import annotations

from pathlib import Path

from stackproof import config as configuration
from stackproof.errors import ConfigError
from stackproof.hosts.model import NetworkSpec, TemplateSpec
from stackproof.netmodel import Part, part_of
from stackproof.template.discover import TemplateFile
from stackproof.template.estate import Estate
from stackproof.template.model import Resolved


def parts_of(spec: NetworkSpec, root: Path) -> tuple[Part, ...]:
    """Each template. Raises ``ConfigError`` at the inventory's line for one that is not there."""
    return tuple(part_of(resolved, one.name) for one, resolved in resolved_of(spec, root))


def resolved_of(spec: NetworkSpec, root: Path) -> list[tuple[TemplateSpec, Resolved]]:
    """Each template as its configuration resolves it."""
    files = {one.template: TemplateFile(one.template, _path(root, one)) for one in spec.templates}
    estate = Estate(root, configuration.load(root), files.values())
    return [(one, _chosen(one, estate)) for one in spec.templates]


def _path(root: Path, spec: TemplateSpec) -> Path:
    path = root / spec.template
    if not path.is_file():
        raise _wrong(spec, f"there is no template {spec.template}")
    return path


def _chosen(spec: TemplateSpec, estate: Estate) -> Resolved:
    instances = estate.instances(spec.template)
    found = [one for one in instances if not spec.config or one.configuration.name == spec.config]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.configuration.name or "(defaults)" for one in instances) or "none"
    if not found:
        raise _wrong(spec, f"{spec.template} has no configuration '{spec.config}'; there are: {known}")
    raise _wrong(spec, f"{spec.template} has several configurations, name one with 'config': {known}")


def _wrong(spec: TemplateSpec, message: str) -> ConfigError:
    at = spec.location
    return ConfigError(message, file=at.file, line=at.line, column=at.column)
