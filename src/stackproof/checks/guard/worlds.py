"""Worlds: one possible value for everything that is unknown in a template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.checks.guard.documents import key_text, scalar
from stackproof.model import JSON, DocPath
from stackproof.template.model import ABSENT, Absent, Choice, Unknown

ClassKey = str
"""Unknowns with the same expression have the same value: the expression's canonical JSON text."""


@dataclass(frozen=True, slots=True)
class World:
    """A value for each class of unknowns and a side for each condition; one that is not named is true."""

    values: Mapping[ClassKey, JSON] = field(default_factory=dict)
    sides: Mapping[str, bool] = field(default_factory=dict)

    def side(self, condition: str) -> bool:
        """The side of a condition; true when this world says nothing of it."""
        return self.sides.get(condition, True)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something unknown stands: its path in the tree and the conditions on the way to it."""

    path: DocPath
    item: Unknown | str
    under: tuple[tuple[str, bool], ...] = ()


def key_of(unknown: Unknown) -> ClassKey:
    """The class of an unknown."""
    return json.dumps(unknown.expression, sort_keys=True, default=str)


def spots(tree: Any, path: DocPath = (), under: tuple[tuple[str, bool], ...] = ()) -> Iterator[Spot]:
    """Every ``Unknown`` and every ``Choice`` (as its condition's name) below ``tree``."""
    if isinstance(tree, Unknown):
        yield Spot(path, tree, under)
    elif isinstance(tree, Choice):
        yield Spot(path, tree.condition, under)
        yield from spots(tree.then, path, (*under, (tree.condition, True)))
        yield from spots(tree.otherwise, path, (*under, (tree.condition, False)))
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield from spots(item, (*path, key), under)
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from spots(item, (*path, index), under)


def materialise(tree: Any, world: World) -> JSON:
    """The plain JSON that a tree is in one world. Every class of unknowns in it must have a value."""
    if isinstance(tree, Unknown):
        return world.values[key_of(tree)]
    if isinstance(tree, Choice):
        return materialise(tree.then if world.side(tree.condition) else tree.otherwise, world)
    if isinstance(tree, dict):
        pairs = ((key_text(key), materialise(item, world)) for key, item in tree.items())
        return {key: item for key, item in pairs if not isinstance(item, Absent)}
    if isinstance(tree, list):
        items = (materialise(item, world) for item in tree)
        return [item for item in items if not isinstance(item, Absent)]
    return ABSENT if isinstance(tree, Absent) else scalar(tree)
