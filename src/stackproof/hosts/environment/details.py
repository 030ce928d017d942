"""What an environment must look like once it is deployed: ``env-details.yml``.

outputs: [Url]                        # of the stack itself: names, or names with a regular expression
resources:
  Database:
    type: AWS::RDS::DBInstance
    properties: {MultiAZ: false}      # as CloudFormation or the service's own API calls them
ServerStack:                          # a child stack by its logical id, described alike
  outputs: {Url: "https://.+"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackproof.hosts.document import Settings, read
from stackproof.model import Location

_OWN = ("outputs", "resources")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value with the place that asks for it."""

    value: Any
    location: Location


@dataclass(frozen=True, slots=True)
class ResourceDetails:
    """A resource: its type and the properties that are compared."""

    type: str
    properties: Mapping[str, Wanted]
    location: Location


@dataclass(frozen=True, slots=True)
class Details:
    """One stack and its children. An output's value is a regular expression; "" for any value."""

    file: str
    outputs: Mapping[str, Wanted] = field(default_factory=dict)
    resources: Mapping[str, ResourceDetails] = field(default_factory=dict)
    children: Mapping[str, Details] = field(default_factory=dict)
    location: Location = field(default_factory=lambda: Location(""))


def read_details(path: Path, root: Path | None = None) -> Details:
    """A description. Raises ``ConfigError`` with file, line and column for what it does not know."""
    file = path.absolute()
    name = file.relative_to(root).as_posix() if root and file.is_relative_to(root) else str(path)
    return _details(read(path, name))


def _details(settings: Settings) -> Details:
    outputs = _outputs(settings)
    resources = {}
    listed = settings.inside("resources")
    for logical_id, own in listed.each() if listed else ():
        resources[logical_id] = _resource(own)
    children = {}
    for name in list(settings):
        if name not in _OWN:
            child = settings.inside(name)
            assert child is not None
            children[name] = _details(child)
    found = Details(settings.file, outputs, resources, children, settings.location)
    if not (outputs or resources or children):
        raise settings.refuse("", "nothing is described here", "describe 'outputs', 'resources' or a child")
    settings.done()
    return found


def _outputs(settings: Settings) -> dict[str, Wanted]:
    given = settings.plain("outputs")
    if isinstance(given, list):
        at = settings.place("outputs")
        return {name: Wanted("", at) for name in settings.texts("outputs")}
    own = settings.inside("outputs")
    found = {}
    for name in own or ():
        assert own is not None
        pattern = own.text(name)
        try:
            re.compile(pattern)
        except re.error as error:
            raise own.refuse(name, f"'{pattern}' is no regular expression: {error}") from error
        found[name] = Wanted(pattern, own.place(name))
    return found


def _resource(settings: Settings) -> ResourceDetails:
    kind = settings.text("type")
    own = settings.inside("properties")
    properties = {name: Wanted(own.plain(name), own.place(name)) for name in own} if own else {}
    settings.done()
    return ResourceDetails(kind, properties, settings.location)
