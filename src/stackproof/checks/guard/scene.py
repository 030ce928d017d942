"""A view of a template prepared once for all rules: its unknowns and the document of the base world."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.checks.guard.documents import encode, merge_parameters
from stackproof.checks.guard.samples import fresh_values
from stackproof.checks.guard.views import View
from stackproof.checks.guard.worlds import Spot, World, materialise, spots
from stackproof.model import JSON, DocPath
from stackproof.template.model import Unknown


@dataclass(frozen=True, slots=True)
class Scene:
    """A view, every place in it where something unknown stands, and its base world.

    In the base world every unknown has a fresh value and every unknown condition is true; ``plain`` is
    the document there and ``types`` are the types of its resources.
    """

    view: View
    spots: tuple[Spot, ...]
    base: World
    plain: JSON
    types: frozenset[str]
    _documents: dict[str, str] = field(default_factory=dict)

    def document(self, parameters: Mapping[str, Any], types: frozenset[str] | None = None) -> str:
        """The JSON text of the base world with a rule set's input parameters.

        ``types``: with the resources of these types (and those without any) only.
        """
        kept = None if types is None else types & self.types
        key = json.dumps([parameters, None if kept is None else sorted(kept)], sort_keys=True, default=str)
        if key not in self._documents:
            plain = self.plain if kept is None else _selected(self.plain, kept)
            self._documents[key] = encode(merge_parameters(plain, dict(parameters)))
        return self._documents[key]

    def kind(self, path: DocPath) -> str:
        """The type of the resource that a path leads into, or ""."""
        if len(path) < 2 or path[0] != "Resources":
            return ""
        return kind_of(self.view.tree["Resources"].get(path[1])) or ""


def kind_of(body: Any) -> str | None:
    """The type of a resource, None when it has none that is a string."""
    kind = body.get("Type") if isinstance(body, dict) else None
    return str(kind) if isinstance(kind, str) else None


def scene(view: View) -> Scene:
    """Prepare a view."""
    found = tuple(spots(view.tree)) if view.name == "resolved" else ()
    base = World(fresh_values(spot.item for spot in found if isinstance(spot.item, Unknown)))
    plain = materialise(view.tree, base) if found or view.name == "resolved" else view.tree
    return Scene(view, found, base, plain, _types(plain))


def _types(document: JSON) -> frozenset[str]:
    resources = document.get("Resources") if isinstance(document, dict) else None
    bodies = resources.values() if isinstance(resources, dict) else ()
    return frozenset(kind for body in bodies if (kind := kind_of(body)))


def _selected(document: JSON, types: frozenset[str]) -> JSON:
    resources = document.get("Resources") if isinstance(document, dict) else None
    if not isinstance(resources, dict):
        return document
    kept = {key: body for key, body in resources.items() if (kind_of(body) or "") in {"", *types}}
    return {**document, "Resources": kept}
