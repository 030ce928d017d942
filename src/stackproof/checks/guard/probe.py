"""Undecided, by meaning: a rule hangs on an unknown when some value of it changes the answer.

Passing clauses leave no trace in the engine's report, so the answer is sought in worlds: the unknowns take
the values that the rule can tell apart. Few combinations are tried in full. For many, single changes
around anchor worlds are tried, pairs, and worlds that the failing clauses themselves point to. What a
search has seen is a witness; that no witness exists is as sure as the sample values are good.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from stackproof.checks.guard.conditions import Sides
from stackproof.checks.guard.ground import Answer, Ground, Owner
from stackproof.checks.guard.report import Clause
from stackproof.checks.guard.steer import proposals
from stackproof.checks.guard.worlds import ClassKey, World
from stackproof.model import JSON

_FULL = 96
_BUDGET = 240
_LEAST = 24
_WORK = 6_000_000
_ROUNDS = 24


@dataclass(slots=True)
class Seen:
    """What the worlds said of one owner: a world in which it fails, one in which it does not."""

    failing: World | None = None
    holding: World | None = None

    @property
    def hangs(self) -> bool:
        """Whether the answer changes."""
        return self.failing is not None and self.holding is not None


@dataclass(frozen=True, slots=True)
class Hanging:
    """An answer that hangs on something unknown: the clause that fails in ``failing`` and not in ``holding``.

    ``keys`` and ``conditions`` are the unknowns and conditions that decide it.
    """

    owner: Owner
    clause: Clause
    failing: World
    holding: World
    keys: tuple[ClassKey, ...]
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probed:
    """What probing found: failures that stand in every world, and those that hang on something."""

    definite: tuple[tuple[Clause, World], ...]
    hanging: tuple[Hanging, ...]


@dataclass(slots=True)
class Search:
    """The search over the worlds of one rule on one template."""

    ground: Ground
    worlds: list[tuple[World, Answer]] = field(default_factory=list)
    seen: dict[Owner, Seen] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    @property
    def spent(self) -> bool:
        """Whether enough worlds have been asked about: fewer where each is much work."""
        cost = self.ground.cost
        return cost >= _BUDGET or (cost >= _LEAST and self.ground.work >= _WORK)

    def run(self) -> None:
        """Ask about worlds until nothing new can be expected or the budget is spent."""
        all_sides = self.ground.sides
        for sides in all_sides:
            self.ask(self.world(sides, {}))
        slots = self.slots()
        sizes = [max(len(self.ground.candidates(key)) for key in slot) for slot in slots]
        if math.prod(sizes) * len(all_sides) <= _FULL:
            self._product(all_sides, slots, sizes)
            return
        for sides in all_sides:
            self._singles(sides, {}, slots)
        self._guided(all_sides, slots)
        self._pairs(all_sides[0], slots)
        self._random(all_sides, slots)

    def world(self, sides: Sides, values: Mapping[ClassKey, JSON]) -> World:
        """A world with these values, in so far as the sides leave them free; fresh ones elsewhere."""
        complete: dict[ClassKey, JSON] = {}
        for key in self.ground.unknowns:
            if key in sides.equal:
                complete[key] = sides.equal[key]
                continue
            barred = sides.unequal.get(key, ())
            wanted = (
                (values[key], *self.ground.candidates(key)) if key in values else self.ground.candidates(key)
            )
            complete[key] = next((value for value in wanted if value not in barred), wanted[0])
        return World(complete, sides.sides)

    def ask(self, world: World) -> Answer | None:
        """The answer in a world, noted for every owner."""
        document, answer = self.ground.ask(world)
        if answer is None or document in self.asked:
            return answer
        self.asked.add(document)
        self.worlds.append((world, answer))
        for owner in {*self.seen, *answer.failures}:
            if owner not in self.seen:
                self.seen[owner] = Seen()
                if len(self.worlds) > 1:
                    self.seen[owner].holding = self.worlds[0][0]
            seen = self.seen[owner]
            if answer.fails(owner):
                seen.failing = seen.failing or world
            else:
                seen.holding = seen.holding or world
        return answer

    def slots(self) -> list[tuple[ClassKey, ...]]:
        """Classes of unknowns that no resource shares, grouped: they can change in the same world."""
        groups: list[tuple[list[ClassKey], set[Owner]]] = []
        for key, owners in self.ground.owners.items():
            if len(self.ground.candidates(key)) < 2:
                continue
            for members, taken in groups:
                if not taken & owners:
                    members.append(key)
                    taken |= owners
                    break
            else:
                groups.append(([key], set(owners)))
        return [tuple(members) for members, _ in groups]

    def settled(self) -> bool:
        """Whether every owner that something unknown concerns is known to hang, or the budget is spent."""
        concerned = set().union(*self.ground.owners.values(), *self.ground.conditions.values())
        open_owners = [owner for owner in concerned if owner not in self.seen or not self.seen[owner].hangs]
        return not open_owners or self.spent

    def values(self, slot: Iterable[ClassKey], index: int) -> dict[ClassKey, JSON]:
        """The ``index``-th candidate for each class of a slot, round and round."""
        found = {key: self.ground.candidates(key) for key in slot}
        return {key: values[index % len(values)] for key, values in found.items()}

    def _product(self, all_sides: list[Sides], slots: list[tuple[ClassKey, ...]], sizes: list[int]) -> None:
        for sides in all_sides:
            for indexes in itertools.product(*(range(size) for size in sizes)):
                if self.settled():
                    return
                chosen: dict[ClassKey, JSON] = {}
                for slot, index in zip(slots, indexes, strict=True):
                    chosen.update(self.values(slot, index))
                self.ask(self.world(sides, chosen))

    def _singles(
        self, sides: Sides, anchor: Mapping[ClassKey, JSON], slots: list[tuple[ClassKey, ...]]
    ) -> None:
        for slot in slots:
            for index in range(max(len(self.ground.candidates(key)) for key in slot)):
                if self.settled():
                    return
                self.ask(self.world(sides, {**anchor, **self.values(slot, index)}))

    def _guided(self, all_sides: list[Sides], slots: list[tuple[ClassKey, ...]]) -> None:
        """Follow what failing clauses, conditions and filters ask for; then break what then holds."""
        for sides in all_sides:
            values: dict[ClassKey, JSON] = {}
            for _ in range(_ROUNDS):
                world = self.world(sides, values)
                answer = self.ask(world)
                wanted = proposals(self.ground, world, answer) if answer else {}
                if not wanted or self.settled():
                    break
                values = {**values, **wanted}
            self._singles(sides, values, slots)

    def _pairs(self, sides: Sides, slots: list[tuple[ClassKey, ...]]) -> None:
        for one, other in itertools.combinations(slots, 2):
            for i, j in itertools.product(range(self._size(one)), range(self._size(other))):
                if self.settled():
                    return
                self.ask(self.world(sides, {**self.values(one, i), **self.values(other, j)}))

    def _random(self, all_sides: list[Sides], slots: list[tuple[ClassKey, ...]]) -> None:
        draw = random.Random(0)
        for _ in range(_BUDGET // 4):
            if self.settled():
                return
            chosen: dict[ClassKey, JSON] = {}
            for slot in slots:
                chosen.update(self.values(slot, draw.randrange(self._size(slot))))
            self.ask(self.world(draw.choice(all_sides), chosen))

    def _size(self, slot: tuple[ClassKey, ...]) -> int:
        return max(len(self.ground.candidates(key)) for key in slot)


def probe(ground: Ground) -> Probed | None:
    """What stands and what hangs; None when the engine gives up in every world."""
    search = Search(ground)
    search.run()
    if not search.worlds:
        return None
    definite: list[tuple[Clause, World]] = []
    hanging: list[Hanging] = []
    for owner, seen in sorted(search.seen.items()):
        if seen.hangs:
            hanging.append(_hanging(search, owner, seen))
        elif seen.failing is not None:
            stands, hangs = _split(search, owner)
            definite.extend(stands)
            hanging.extend(hangs)
    return Probed(tuple(definite), tuple(hanging))


def clause_key(clause: Clause) -> tuple[str, str, str]:
    """What makes two failing clauses of different worlds the same."""
    return clause.path, clause.missing.partition(".")[0], clause.message or clause.text


def _split(search: Search, owner: Owner) -> tuple[list[tuple[Clause, World]], list[Hanging]]:
    """The clauses of an owner that fails in every world: those that always fail, and those that hang."""
    first_world, first = search.worlds[0]
    by_world = [{clause_key(c): c for c in answer.failures[owner]} for _, answer in search.worlds]
    common = set(by_world[0]).intersection(*by_world[1:])
    if not common:
        return [(clause, first_world) for clause in first.failures[owner]], []
    stands = [(c, first_world) for c in first.failures[owner] if clause_key(c) in common]
    hangs: dict[tuple[str, str, str], Hanging] = {}
    for (world, _), clauses in zip(search.worlds, by_world, strict=True):
        for key, clause in clauses.items():
            if key not in common and key not in hangs:
                holding = next(
                    w for (w, _), other in zip(search.worlds, by_world, strict=True) if key not in other
                )
                hangs[key] = _reduced(search, owner, clause, world, holding)
    return stands, list(hangs.values())


def _hanging(search: Search, owner: Owner, seen: Seen) -> Hanging:
    assert seen.failing is not None
    assert seen.holding is not None
    answer = search.ground.judge(seen.failing)
    assert answer is not None
    return _reduced(search, owner, answer.failures[owner][0], seen.failing, seen.holding, whole=True)


def _reduced(
    search: Search, owner: Owner, clause: Clause, failing: World, holding: World, *, whole: bool = False
) -> Hanging:
    """Keep of the difference between two worlds only what decides."""

    def still_fails(world: World) -> bool:
        answer = search.ground.judge(world)
        if answer is None or not answer.fails(owner):
            return False
        return whole or clause_key(clause) in {clause_key(c) for c in answer.failures[owner]}

    current = failing
    for trial in _steps_towards(current, holding, search.ground, owner):
        moved = trial(current)
        if still_fails(moved):
            current = moved
    keys = tuple(key for key in current.values if current.values[key] != holding.values[key])
    names = tuple(name for name in current.sides if current.side(name) != holding.side(name))
    answer = search.ground.judge(current)
    clauses = answer.failures.get(owner, ()) if answer else ()
    kept = next(
        (c for c in clauses if clause_key(c) == clause_key(clause)), clauses[0] if clauses else clause
    )
    return Hanging(owner, kept, current, holding, keys, names)


def _steps_towards(start: World, goal: World, ground: Ground, owner: Owner) -> Iterator[Move]:
    """Moves from one world to another: first everything that does not stand in the owner, then one by one."""
    differing = [key for key in start.values if start.values[key] != goal.values[key]]
    distant = [key for key in differing if owner not in ground.owners[key]]
    if distant:
        yield Move(distant, goal, sides=False)
    yield Move([], goal, sides=True)
    for key in differing:
        yield Move([key], goal, sides=False)


@dataclass(frozen=True, slots=True)
class Move:
    """Takes some values, or all sides, from another world."""

    keys: list[ClassKey]
    goal: World
    sides: bool

    def __call__(self, world: World) -> World:
        values = {**world.values, **{key: self.goal.values[key] for key in self.keys}}
        return World(values, self.goal.sides if self.sides else world.sides)
