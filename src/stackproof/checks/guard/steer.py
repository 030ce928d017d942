"""From failing clauses to values that would satisfy them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stackproof.checks.guard.documents import at, doc_path
from stackproof.checks.guard.ground import Answer, Ground
from stackproof.checks.guard.patterns import found_in
from stackproof.checks.guard.report import Clause
from stackproof.checks.guard.samples import admits
from stackproof.checks.guard.worlds import ClassKey, World, key_of
from stackproof.model import JSON
from stackproof.template.model import Unknown


def proposals(ground: Ground, world: World, answer: Answer) -> dict[ClassKey, JSON]:
    """Values for unknowns that the clauses failing in a world looked at, so that those clauses hold."""
    wanted: dict[ClassKey, JSON] = {}
    failing = [clause for clauses in answer.failures.values() for clause in clauses]
    for clause in (*answer.conditions, *failing):
        for unknown, others in _sides(ground, world, clause):
            key = key_of(unknown)
            if key in wanted or key not in ground.unknowns:
                continue
            current = world.values[key]
            possible = (*ground.candidates(key), *(value for value in others if admits(unknown, value)))
            for value in possible:
                if value != current and satisfies(clause, value, others):
                    wanted[key] = value
                    break
    return wanted


def satisfies(clause: Clause, value: JSON, others: tuple[JSON, ...]) -> bool:
    """Whether a value would make a clause hold, as far as can be told without the engine."""
    if clause.operator in {"Eq", "In"}:
        return any(_equal(value, other) for other in others) != clause.negated
    if clause.operator in {"Gt", "Ge", "Lt", "Le"}:
        return all(_ordered(clause.operator, value, other) != clause.negated for other in others)
    if clause.operator == "Empty":
        return (value in ("", [], {})) != clause.negated
    return True


def _sides(ground: Ground, world: World, clause: Clause) -> Iterator[tuple[Unknown, tuple[JSON, ...]]]:
    """The unknowns that a clause looked at, each with what stands on the other side."""
    looked_at = _unknown_at(ground, world, clause.path)
    if looked_at is not None:
        yield looked_at, tuple(_flat(clause.compared))
    for path in clause.compared_paths:
        other = _unknown_at(ground, world, path)
        if other is not None:
            yield other, (clause.value,)


def _unknown_at(ground: Ground, world: World, path: str) -> Unknown | None:
    if not path:
        return None
    found = at(ground.view.tree, doc_path(ground.view.tree, path, world.side), world.side)
    return found if isinstance(found, Unknown) else None


def _flat(values: tuple[JSON, ...]) -> Iterator[JSON]:
    for value in values:
        yield value
        if isinstance(value, list):
            yield from value


def _equal(value: JSON, other: JSON) -> bool:
    if isinstance(other, str) and len(other) > 1 and other[0] == other[-1] == "/" and isinstance(value, str):
        return bool(found_in(other[1:-1], value))
    if isinstance(value, list) and not isinstance(other, list):
        return all(_equal(item, other) for item in value)
    return json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def _ordered(operator: str, value: JSON, other: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(other, int | float):
        return False
    return {"Gt": value > other, "Ge": value >= other, "Lt": value < other, "Le": value <= other}[operator]
