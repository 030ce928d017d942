"""The part of a template that one rule can see, its unknowns, and a cheap way to judge a world."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stackproof.checks.guard.adapter import GuardError, decode, evaluate_text
from stackproof.checks.guard.classes import telling
from stackproof.checks.guard.conditions import Sides, assignments
from stackproof.checks.guard.documents import doc_path, encode, merge_parameters
from stackproof.checks.guard.literals import Literals, literals
from stackproof.checks.guard.reach import Reach, independent, reach
from stackproof.checks.guard.report import FAIL, Clause, RuleResult, results
from stackproof.checks.guard.samples import admits, candidates, fresh
from stackproof.checks.guard.scene import Scene, kind_of
from stackproof.checks.guard.separate import separable
from stackproof.checks.guard.source import RuleFile
from stackproof.checks.guard.views import View
from stackproof.checks.guard.worlds import ClassKey, Spot, World, key_of, materialise
from stackproof.model import JSON, DocPath
from stackproof.template.model import Unknown

_NEAR = 4

Owner = str
"""The logical id of the resource that a failure is about; "" for the template itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says in one world.

    ``failures`` are the failing clauses of each owner, ``conditions`` those that kept the rule from applying.
    """

    failures: Mapping[Owner, tuple[Clause, ...]]
    conditions: tuple[Clause, ...]

    def clauses(self) -> list[Clause]:
        """Every failing clause."""
        return [clause for clauses in self.failures.values() for clause in clauses]

    def fails(self, owner: Owner) -> bool:
        """Whether the rule fails for this owner."""
        return owner in self.failures


@dataclass(slots=True)
class Ground:
    """One rule and what it can see of one view.

    ``apart``: the rule looks at each resource for itself, so that only those with something unknown are
    in ``tree``; ``separable``: so surely that each can be asked about alone. ``work`` is what the engine
    has read and written so far, in characters.
    """

    scene: Scene
    rule: str
    text: str
    tree: Any
    parameters: Mapping[str, Any]
    literals: Literals
    unknowns: dict[ClassKey, Unknown]
    owners: Mapping[ClassKey, frozenset[Owner]]
    conditions: Mapping[str, frozenset[Owner]]
    apart: bool
    separable: bool = False
    work: int = 0
    _known: dict[str, Answer | None] = field(default_factory=dict)
    _candidates: dict[ClassKey, tuple[JSON, ...]] = field(default_factory=dict)
    _sides: list[Sides] = field(default_factory=list)

    @property
    def view(self) -> View:
        """The view that is judged."""
        return self.scene.view

    def candidates(self, key: ClassKey) -> tuple[JSON, ...]:
        """The values to try for a class of unknowns.

        Where a rule compares two places of the document, the fresh values of unknowns nearby count too.
        Elsewhere one of each kind is enough, unless a condition may bar the one that was chosen.
        """
        if key not in self._candidates:
            self._candidates[key] = self._find_candidates(key)
        return self._candidates[key]

    def _find_candidates(self, key: ClassKey) -> tuple[JSON, ...]:
        own = candidates(self.unknowns[key], self.literals)
        if not self.literals.relates:
            barred = any(key in sides.unequal for sides in self.sides)
            return own if barred else telling(own, self.literals)
        near = [other for other in self.unknowns if other != key and self.owners[other] & self.owners[key]]
        values = (fresh(self.unknowns[other]) for other in near[:_NEAR])
        more = [v for v in values if v not in own and admits(self.unknowns[key], v)]
        return (*own, *more)

    @property
    def sides(self) -> list[Sides]:
        """The sides that the conditions in sight can take together."""
        if not self._sides:
            self._sides = self._find_sides()
        return self._sides

    def _find_sides(self) -> list[Sides]:
        domains = {key: unknown.values for key, unknown in self.unknowns.items() if unknown.values}
        for name, value in self.view.parameters.items():
            key = json.dumps({"Ref": name}, sort_keys=True)
            if isinstance(value, Unknown):
                if value.values:
                    domains[key] = value.values
            elif isinstance(value, str | int | float):
                domains[key] = (value,)
        return assignments(self.conditions, self.view.definitions, self.view.decided, domains)

    def judge(self, world: World) -> Answer | None:
        """The rule's answer in a world, remembered; None when the engine gives up there."""
        return self.ask(world)[1]

    def ask(self, world: World) -> tuple[str, Answer | None]:
        """The document that the rule sees in a world, and its answer."""
        document = self.document(world)
        if document not in self._known:
            self._known[document] = self._evaluate(document, world)
        return document, self._known[document]

    def open(self) -> bool:
        """Whether there is any other world than the base one that the rule could tell from it."""
        if len(self.sides) > 1 or any(len(self.candidates(key)) > 1 for key in self.unknowns):
            return True
        (sides,) = self.sides
        base = self.scene.base.values
        return not all(sides.sides.values()) or any(
            sides.equal.get(key, base[key]) != base[key] for key in self.unknowns
        )

    def split(self) -> list[Ground]:
        """The ground of each resource for itself; this one where a rule may look at several together."""
        owners = frozenset[Owner]().union(*self.owners.values(), *self.conditions.values())
        resources = self.tree.get("Resources") if isinstance(self.tree, dict) else None
        if not self.separable or not isinstance(resources, dict) or not owners <= resources.keys():
            return [self]
        return [self._only(owner) for owner in sorted(owners)]

    def covers(self, answer: Answer) -> bool:
        """Whether an answer about a resource that stands alone is about that resource."""
        if not self.separable or len(self.tree["Resources"]) > 1:
            return True
        return set(answer.failures) <= set(self.tree["Resources"])

    def _only(self, owner: Owner) -> Ground:
        return replace(
            self,
            tree=_only(self.tree, {owner}),
            unknowns={key: unknown for key, unknown in self.unknowns.items() if owner in self.owners[key]},
            owners={key: frozenset({owner}) for key, found in self.owners.items() if owner in found},
            conditions={
                name: frozenset({owner}) for name, found in self.conditions.items() if owner in found
            },
            work=0,
            _known={},
            _candidates={},
            _sides=[],
        )

    @property
    def cost(self) -> int:
        """How many worlds the engine has been asked about."""
        return len(self._known)

    def leaves_out(self, clause: Clause) -> bool:
        """Whether a clause is about a resource that is left out because nothing in it is unknown."""
        if not self.apart:
            return False
        owner = owner_of(doc_path(self.view.tree, clause.path))
        return bool(owner) and owner not in self.tree["Resources"]

    def document(self, world: World) -> str:
        """The JSON text of what the rule sees in a world."""
        complete = World({**self.scene.base.values, **world.values}, world.sides)
        plain = materialise(self.tree, complete)
        resources = plain.get("Resources")
        if isinstance(resources, dict):
            for logical_id, condition in self.view.conditional.items():
                if not world.side(condition):
                    resources.pop(logical_id, None)
        return encode(merge_parameters(plain, dict(self.parameters)))

    def _evaluate(self, document: str, world: World) -> Answer | None:
        read = read_answer(document, self.text)
        if read is None:
            return None
        self.work += read.work
        answers = [result for result in read.results if result.name == self.rule]
        grouped: dict[Owner, list[Clause]] = {}
        for answer in answers:
            if answer.status == FAIL:
                for clause in answer.failures:
                    path = doc_path(self.view.tree, clause.path, world.side)
                    grouped.setdefault(owner_of(path), []).append(clause)
        conditions = tuple(clause for answer in answers for clause in answer.conditions)
        return Answer({owner: tuple(clauses) for owner, clauses in grouped.items()}, conditions)


@dataclass(frozen=True, slots=True)
class Read:
    """What the engine reports of a document; ``work`` is what it read and wrote, in characters."""

    results: tuple[RuleResult, ...]
    work: int


@functools.lru_cache(maxsize=2048)
def read_answer(document: str, rules: str) -> Read | None:
    """The engine's answer, None if it gives up; remembered, for copies of a resource are common."""
    try:
        report = evaluate_text(document, rules)
    except GuardError:
        return None
    return Read(tuple(results(decode(report))), len(document) + len(report))


def owner_of(path: tuple[str | int, ...]) -> Owner:
    """The logical id of the resource that a path leads into, or ""."""
    return str(path[1]) if len(path) > 1 and path[0] == "Resources" else ""


def ground(
    scene: Scene, file: RuleFile, rule: str, parameters: Mapping[str, Any], *, whole: bool = False
) -> Ground | None:
    """What one rule of a file sees of a view; None when nothing of that is unknown.

    ``whole``: do not leave out what the rule seems not to look at.
    """
    extent = reach(file, rule)
    unknowns, owners, conditions = _hazy(scene, extent)
    if not unknowns and not conditions:
        return None
    apart = not whole and independent(file, rule)
    tree = scene.view.tree if whole else _visible(scene.view.tree, extent)
    if apart:
        tree = _only(tree, set().union(*owners.values(), *conditions.values()))
    return Ground(
        scene,
        rule,
        file.alone(rule),
        tree,
        parameters,
        literals(file, rule),
        unknowns,
        {key: frozenset(found) for key, found in owners.items()},
        {name: frozenset(found) for name, found in conditions.items()},
        apart,
        apart and separable(file, rule),
    )


def _hazy(
    scene: Scene, extent: Reach
) -> tuple[dict[ClassKey, Unknown], dict[ClassKey, set[Owner]], dict[str, set[Owner]]]:
    """What is unknown in reach of a rule: classes of unknowns, their owners, and conditions with theirs."""
    unknowns: dict[ClassKey, Unknown] = {}
    owners: dict[ClassKey, set[Owner]] = {}
    conditions: dict[str, set[Owner]] = {}
    for spot in scene.spots:
        if not extent.path(_looked_at(spot), scene.kind(spot.path)):
            continue
        owner = owner_of(spot.path)
        if isinstance(spot.item, Unknown):
            unknowns.setdefault(key_of(spot.item), spot.item)
            owners.setdefault(key_of(spot.item), set()).add(owner)
        else:
            conditions.setdefault(spot.item, set()).add(owner)
        for name, _ in spot.under:
            conditions.setdefault(name, set()).add(owner)
    for logical_id, name in scene.view.conditional.items():
        if extent.resource(scene.kind(("Resources", logical_id))):
            conditions.setdefault(name, set()).add(logical_id)
    return unknowns, owners, conditions


def _only(tree: Any, owners: set[Owner]) -> Any:
    """The tree without the resources in which nothing is unknown."""
    resources = tree.get("Resources")
    if not isinstance(resources, dict) or not owners & resources.keys():
        return tree
    return {**tree, "Resources": {key: body for key, body in resources.items() if key in owners}}


def _looked_at(spot: Spot) -> DocPath:
    """What a rule must look at to see a spot: a choice may take its key away, so its parent will do."""
    return spot.path if isinstance(spot.item, Unknown) else spot.path[:-1]


def _visible(tree: Any, extent: Reach) -> Any:
    """The tree without the resources and sections that the rule does not select."""
    resources = tree.get("Resources") if isinstance(tree, dict) else None
    if extent.types is None or not isinstance(resources, dict):
        return tree
    kept = {key: body for key, body in resources.items() if (kind_of(body) or "") in {"", *extent.types}}
    sections = tree if extent.wild else {key: tree[key] for key in tree if key in extent.words}
    return {**sections, "Resources": kept}
