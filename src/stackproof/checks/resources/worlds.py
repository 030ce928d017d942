"""The worlds of a template: its unknown conditions decided in every way that can be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.template.model import Choice, Resolved
from stackproof.template.unknowns import assume

_MOST = 6
"""With more than this many independent comparisons only the two extremes and single changes are tried."""


@dataclass(frozen=True, slots=True)
class World:
    """One way to decide the unknown conditions, and the template in it (no ``Choice`` is left)."""

    sides: Mapping[str, bool]
    tree: Mapping[str, Any]


def worlds(resolved: Resolved) -> list[World]:
    """Every world, at least one. Conditions that hang on the same comparison never contradict each other."""
    names = sorted({*resolved.conditional.values(), *_choices(resolved.tree)})
    if not names:
        return [World({}, resolved.tree)]
    formulas = _Formulas(resolved)
    seen: dict[tuple[bool, ...], World] = {}
    for atoms in formulas.assignments(names):
        sides = {name: formulas.value(name, atoms) for name in names}
        key = tuple(sides.values())
        if key not in seen:
            seen[key] = World(sides, _tree(resolved, sides))
    return list(seen.values())


def _choices(tree: Any) -> Iterator[str]:
    if isinstance(tree, Choice):
        yield tree.condition
        yield from _choices(tree.then)
        yield from _choices(tree.otherwise)
    elif isinstance(tree, Mapping):
        for item in tree.values():
            yield from _choices(item)
    elif isinstance(tree, list):
        for item in tree:
            yield from _choices(item)


def _tree(resolved: Resolved, sides: Mapping[str, bool]) -> Mapping[str, Any]:
    resources = {
        logical_id: body
        for logical_id, body in (resolved.tree.get("Resources") or {}).items()
        if sides.get(resolved.conditional.get(logical_id, ""), True)
    }
    tree: Any = {"Resources": resources}
    for name, side in sides.items():
        tree = assume(tree, name, side)
    return {**resolved.tree, "Resources": tree["Resources"]}


class _Formulas:
    """The conditions of a template as formulas over comparisons ("atoms")."""

    def __init__(self, resolved: Resolved) -> None:
        section = resolved.expanded.tree.get("Conditions")
        self._definitions: Mapping[str, Any] = section if isinstance(section, Mapping) else {}
        self._decided = resolved.conditions

    def assignments(self, names: list[str]) -> Iterator[dict[str, bool]]:
        """Truth values of the comparisons that the named conditions hang on."""
        atoms = sorted({atom for name in names for atom in self._atoms({"Condition": name}, ())})
        if len(atoms) <= _MOST:
            rows: Iterator[tuple[bool, ...]] = itertools.product((True, False), repeat=len(atoms))
        else:
            rows = _corners(len(atoms))
        for row in rows:
            chosen = dict(zip(atoms, row, strict=True))
            if _consistent(chosen):
                yield chosen

    def value(self, name: str, atoms: Mapping[str, bool]) -> bool:
        """The truth of a condition."""
        return self._value({"Condition": name}, atoms, ())

    def _value(self, node: Any, atoms: Mapping[str, bool], under: tuple[str, ...]) -> bool:
        function, argument = _call(node)
        if function == "Condition":
            decided = self._decided.get(argument)
            if decided is not None:
                return decided
            if argument in under or argument not in self._definitions:
                return atoms.get(_atom(node), True)
            return self._value(self._definitions[argument], atoms, (*under, argument))
        if function == "Fn::Not":
            return not self._value(argument[0], atoms, under)
        if function in {"Fn::And", "Fn::Or"}:
            answers = [self._value(item, atoms, under) for item in argument]
            return all(answers) if function == "Fn::And" else any(answers)
        return atoms.get(_atom(node), True)

    def _atoms(self, node: Any, under: tuple[str, ...]) -> Iterator[str]:
        function, argument = _call(node)
        if function == "Condition":
            if self._decided.get(argument) is not None:
                return
            if argument in under or argument not in self._definitions:
                yield _atom(node)
            else:
                yield from self._atoms(self._definitions[argument], (*under, argument))
        elif function in {"Fn::Not", "Fn::And", "Fn::Or"}:
            for item in argument:
                yield from self._atoms(item, under)
        else:
            yield _atom(node)


def _call(node: Any) -> tuple[str, Any]:
    if isinstance(node, Mapping) and len(node) == 1:
        ((function, argument),) = node.items()
        if function in {"Fn::Not", "Fn::And", "Fn::Or"} and isinstance(argument, list) and argument:
            return function, argument
        if function == "Condition" and isinstance(argument, str):
            return function, argument
    return "", None


def _atom(node: Any) -> str:
    return json.dumps(node, sort_keys=True, default=str)


def _corners(count: int) -> Iterator[tuple[bool, ...]]:
    for base in (True, False):
        yield (base,) * count
        for position in range(count):
            yield (base,) * position + (not base,) + (base,) * (count - position - 1)


def _consistent(atoms: Mapping[str, bool]) -> bool:
    """One value is not equal to two different literals at once."""
    taken: dict[str, str] = {}
    for atom, value in atoms.items():
        if not value:
            continue
        node = json.loads(atom)
        pair = node.get("Fn::Equals") if isinstance(node, dict) else None
        if not isinstance(pair, list) or len(pair) != 2:
            continue
        literals = [item for item in pair if not isinstance(item, dict)]
        others = [json.dumps(item, sort_keys=True) for item in pair if isinstance(item, dict)]
        if len(literals) == 1 and taken.setdefault(others[0], str(literals[0])) != str(literals[0]):
            return False
    return True
