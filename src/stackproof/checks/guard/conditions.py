"""Which sides conditions can take together: ``IsProd`` and ``Not IsProd`` are never both true."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.model import JSON

_OTHER = "\x00other"
_FULL = 6
_MOST = 2**_FULL


@dataclass(frozen=True, slots=True)
class Sides:
    """One consistent assignment: a side for each condition and what it says of unknown expressions.

    ``equal`` gives an expression's value (by canonical JSON), ``unequal`` the values that it cannot have.
    """

    sides: Mapping[str, bool]
    equal: Mapping[str, JSON] = field(default_factory=dict)
    unequal: Mapping[str, tuple[JSON, ...]] = field(default_factory=dict)


def assignments(
    names: Iterable[str],
    definitions: Mapping[str, Any],
    decided: Mapping[str, bool | None],
    domains: Mapping[str, tuple[JSON, ...]],
) -> list[Sides]:
    """The sides that the named conditions can take together, all true first where that is possible.

    Up to six free facts are enumerated in full; beyond that each is flipped alone, all and none.
    ``domains`` lists the only values of expressions that have such a list.
    """
    wanted = sorted(set(names))
    if not wanted:
        return [Sides({})]
    facts = _Facts(definitions, decided, domains)
    for name in wanted:
        facts.collect({"Condition": name}, ())
    found: dict[str, Sides] = {}
    for binding in facts.bindings():
        sides = {name: facts.holds({"Condition": name}, binding, ()) for name in wanted}
        equal = {key: value for key, value in binding.items() if key in facts.values and value != _OTHER}
        unequal = {
            key: tuple(facts.values[key]) for key in facts.values if binding.get(key, _OTHER) == _OTHER
        }
        found.setdefault(json.dumps([sides, equal], default=str), Sides(sides, equal, unequal))
    ranked = sorted(found.values(), key=lambda s: -sum(s.sides.values()))
    return ranked if len(ranked) <= _MOST else [*ranked[: _MOST - 1], ranked[-1]]


class _Facts:
    """The independent facts behind conditions: values of expressions, and truths that are no comparison."""

    def __init__(
        self,
        definitions: Mapping[str, Any],
        decided: Mapping[str, bool | None],
        domains: Mapping[str, tuple[JSON, ...]],
    ) -> None:
        self._definitions = definitions
        self._decided = decided
        self._domains = domains
        self.values: dict[str, list[JSON]] = {}
        self.truths: list[str] = []

    def collect(self, node: Any, seen: tuple[str, ...]) -> None:
        """Note the facts that an expression stands on."""
        name = self._reference(node, seen)
        if name is not None:
            self.collect(self._definitions[name], (*seen, name))
            return
        parts = _parts(node)
        if parts is not None:
            for part in parts:
                self.collect(part, seen)
            return
        atom = _equals(node)
        if atom:
            known = self.values.setdefault(atom[0], [])
            if atom[1] not in known:
                known.append(atom[1])
        elif not self._constant(node) and _key(node) not in self.truths:
            self.truths.append(_key(node))

    def bindings(self) -> Iterable[dict[str, Any]]:
        """Every way to choose the facts, bounded."""
        axes: list[tuple[str, list[Any]]] = [(key, [True, False]) for key in self.truths]
        axes += [(key, self._choices(key, literals)) for key, literals in self.values.items()]
        if math.prod(len(choices) for _, choices in axes) <= 2 ** (2 * _FULL):
            for combination in itertools.product(*(choices for _, choices in axes)):
                yield dict(zip((key for key, _ in axes), combination, strict=True))
            return
        first = {key: choices[0] for key, choices in axes}
        last = {key: choices[-1] for key, choices in axes}
        for start in (first, last):
            yield dict(start)
            for key, choices in axes:
                for choice in choices:
                    yield {**start, key: choice}

    def holds(self, node: Any, binding: Mapping[str, Any], seen: tuple[str, ...]) -> bool:
        """The truth of an expression under a binding."""
        if isinstance(node, dict) and len(node) == 1:
            known = self._decided.get(str(node.get("Condition"))) if "Condition" in node else None
            if known is not None:
                return known
        name = self._reference(node, seen)
        if name is not None:
            return self.holds(self._definitions[name], binding, (*seen, name))
        parts = _parts(node)
        if parts is not None:
            truths = [self.holds(part, binding, seen) for part in parts]
            kind = next(iter(node))
            return not truths[0] if kind == "Fn::Not" else (all if kind == "Fn::And" else any)(truths)
        atom = _equals(node)
        if atom:
            return bool(binding.get(atom[0]) == atom[1])
        constant = self._constant(node)
        return bool(binding.get(_key(node), True)) if constant is None else constant

    def _choices(self, key: str, literals: list[JSON]) -> list[Any]:
        """The literals that an expression can be equal to, and "something else" where that is possible."""
        domain = self._domains.get(key)
        if not domain:
            return [*literals, _OTHER]
        told = {str(value) for value in domain}
        named = [value for value in literals if str(value) in told]
        other = told - {str(value) for value in literals}
        return [*named, _OTHER] if other or not named else named

    def _reference(self, node: Any, seen: tuple[str, ...]) -> str | None:
        if not (isinstance(node, dict) and len(node) == 1 and isinstance(node.get("Condition"), str)):
            return None
        name = str(node["Condition"])
        unknown = self._decided.get(name) is None
        return name if unknown and name in self._definitions and name not in seen else None

    def _constant(self, node: Any) -> bool | None:
        if isinstance(node, dict) and len(node) == 1 and isinstance(node.get("Condition"), str):
            return self._decided.get(str(node["Condition"]))
        if isinstance(node, dict) and list(node) == ["Fn::Equals"] and isinstance(node["Fn::Equals"], list):
            sides = node["Fn::Equals"]
            if len(sides) == 2 and not any(isinstance(side, dict | list) for side in sides):
                return str(sides[0]) == str(sides[1])
        return None


def _parts(node: Any) -> list[Any] | None:
    if isinstance(node, dict) and len(node) == 1:
        kind, arguments = next(iter(node.items()))
        if kind in {"Fn::And", "Fn::Or", "Fn::Not"} and isinstance(arguments, list) and arguments:
            return arguments
    return None


def _equals(node: Any) -> tuple[str, JSON] | None:
    """Expression (canonical) and literal of an ``Fn::Equals`` between the two."""
    if not (isinstance(node, dict) and list(node) == ["Fn::Equals"]):
        return None
    sides = node["Fn::Equals"]
    if not isinstance(sides, list) or len(sides) != 2:
        return None
    expressions = [side for side in sides if isinstance(side, dict | list)]
    literals = [side for side in sides if not isinstance(side, dict | list)]
    return (_key(expressions[0]), literals[0]) if len(expressions) == 1 else None


def _key(node: Any) -> str:
    return json.dumps(node, sort_keys=True, default=str)
