"""The forms of a template that a rule can ask for: resolved, expanded, written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stackproof.checks.guard.documents import plain
from stackproof.model import DocPath, Location, Related
from stackproof.template.model import Document, Resolved


def _nothing(_: DocPath) -> Sequence[Related]:
    return ()


@dataclass(frozen=True, slots=True)
class View:
    """A tree to judge with the way back to the source.

    ``tree`` may hold ``Unknown`` and ``Choice`` in the resolved view only. ``conditional`` are the
    resources that stand or fall with a condition, ``definitions`` the template's conditions as written.
    """

    name: str
    tree: Any
    locate: Callable[[DocPath], Location]
    provenance: Callable[[DocPath], Sequence[Related]] = _nothing
    configurations: tuple[str, ...] = ()
    conditional: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, Any] = field(default_factory=dict)
    decided: Mapping[str, bool | None] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


def of_document(document: Document) -> View:
    """The template as written."""
    return View("written", plain(document.tree), document.locate)


def of_resolved(resolved: Resolved, name: str) -> View:
    """One view of a resolved template: ``resolved``, ``expanded`` or ``written``."""
    name_of = resolved.configuration.name
    configurations = (name_of,) if name_of else ()
    if name == "written":
        document = resolved.expanded.document
        return View(name, plain(document.tree), document.locate, configurations=configurations)
    if name == "expanded":
        expanded = resolved.expanded
        return View(name, plain(expanded.tree), expanded.locate, configurations=configurations)
    definitions = resolved.expanded.tree.get("Conditions")
    return View(
        "resolved",
        resolved.tree,
        resolved.locate,
        resolved.provenance,
        configurations,
        resolved.conditional,
        definitions if isinstance(definitions, dict) else {},
        resolved.conditions,
        resolved.parameters,
    )
