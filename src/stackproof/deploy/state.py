"""A stack at one moment, and what a template asks for: the two sides of every deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.deploy.model import Place, Resource
from stackproof.template.model import Configuration, Expanded


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A template made ready for one deployment configuration."""

    expanded: Expanded
    configuration: Configuration

    @property
    def file(self) -> str:
        """The template's name in messages."""
        return self.expanded.document.file


@dataclass(frozen=True, slots=True)
class State:
    """What is deployed. ``resources`` are in an order in which each follows what it needs.

    ``exports`` maps an export's name to its value, ``imports`` are the names that this stack imported.
    """

    blueprint: Blueprint
    place: Place
    resources: Mapping[str, Resource] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, Any] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    parameters: Mapping[str, Any] = field(default_factory=dict)
