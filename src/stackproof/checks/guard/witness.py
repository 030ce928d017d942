"""Strings that a pattern admits and in which an expression occurs, or does not, by walking both at once.

The pattern of an unknown and the expression of a rule become automata; a breadth-first walk over the sets
of states that they can be in together gives the shortest strings. What an automaton cannot say (looks
around, word boundaries, references, long bounded repeats) is let through, and every string is checked by
the expressions themselves before it is given away.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from stackproof.checks.guard.generate import ALPHABET, CHARACTERS, LOOKS, REPEATS, parsed_nodes
from stackproof.checks.guard.patterns import found_in, full_match

_STEPS = 2500
_STATES = 1500
_UNROLLED = 16

States = frozenset[int]


@functools.lru_cache(maxsize=8192)
def witness(pattern: str, regex: str, *, occurs: bool) -> str | None:
    """A string of the pattern in which ``regex`` occurs, or does not; None if none is found."""
    admitted, sought = _automaton(pattern), _automaton(regex)
    if admitted is None or sought is None:
        return None
    if occurs and not all(any(admitted.kind(character)) for character in _needed(regex)):
        return None
    for text in _walk(admitted, sought, occurs=occurs):
        if found_in(regex, text) is occurs and full_match(pattern, text):
            return text
    return None


@functools.lru_cache(maxsize=2048)
def _needed(regex: str) -> frozenset[str]:
    """Characters without which an expression cannot occur, as far as that is plain."""
    if regex.startswith("(?"):
        return frozenset()
    return frozenset(chr(argument) for kind, argument in parsed_nodes(regex) or () if kind == "LITERAL")


class _Automaton:
    """States with steps: by a character, or freely (at the start of the text only, at its end only)."""

    def __init__(self) -> None:
        self.characters: list[list[tuple[Any, int]]] = []
        self.free: list[list[tuple[str, int]]] = []
        self.named: set[str] = set()
        self.exact = True
        self._after: dict[tuple[States, str], States] = {}
        self._ends: dict[States, bool] = {}
        self._written: dict[States, list[str]] = {}
        self._alive: dict[States, bool] = {}
        self._tests: dict[int, Any] = {}
        self._kinds: dict[str, tuple[object, ...]] = {}
        self.start = self.state()
        self.end = self.start

    def state(self) -> int:
        """A new state. Raises ``_TooLarge``."""
        if len(self.free) >= _STATES:
            raise _TooLarge
        self.characters.append([])
        self.free.append([])
        return len(self.free) - 1

    def add(self, nodes: Any, start: int) -> int:
        """Steps along nodes of a parse tree from a state; the state behind them."""
        for kind, argument in nodes:
            start = self._node(kind, argument, start)
        return start

    def _node(self, kind: str, argument: Any, start: int) -> int:
        if kind in {"LITERAL", CHARACTERS}:
            end = self.state()
            if kind == "LITERAL":
                self.named.add(chr(argument))
            self.characters[start].append((chr(argument) if kind == "LITERAL" else argument, end))
            return end
        if kind == "BRANCH":
            return self._joined([self.add(inside, start) for inside in argument[1]])
        if kind in REPEATS:
            least, most, inside = argument
            return self._repeat(least, most, inside, start)
        if kind in LOOKS:
            # A side track that goes nowhere: texts that satisfy the look are told from those that do not.
            self.exact = False
            aside = self.add(argument[1], start)
            self.characters[aside].append((_Any(), aside))
            return start
        if kind == "AT":
            end = self.state()
            self.free[start].append((str(argument), end))
            return end
        inside = {"SUBPATTERN": lambda: argument[1], "ATOMIC_GROUP": lambda: argument}.get(kind)
        return self.add(inside(), start) if inside else start

    def _repeat(self, least: int, most: Any, inside: Any, start: int) -> int:
        for _ in range(least):
            start = self.add(inside, start)
        if most - least > _UNROLLED:
            loop = self._joined([start])
            self.free[self.add(inside, loop)].append(("", loop))
            return self._joined([loop])
        ends = [start]
        for _ in range(most - least):
            ends.append(self.add(inside, ends[-1]))
        return self._joined(ends)

    def _joined(self, ends: list[int]) -> int:
        joined = self.state()
        for end in ends:
            self.free[end].append(("", joined))
        return joined

    def closure(self, states: Iterable[int], *, first: bool, last: bool = False) -> States:
        """The states that can be reached from these without a character."""
        seen = set(states)
        open_states = list(seen)
        while open_states:
            for kind, state in self.free[open_states.pop()]:
                barred = (kind.startswith("AT_BEGINNING") and not first) or (
                    kind.startswith("AT_END") and not last
                )
                if not barred and state not in seen:
                    seen.add(state)
                    open_states.append(state)
        return frozenset(seen)

    def step(self, states: States, character: str) -> set[int]:
        """The states behind one character."""
        return {
            target
            for state in states
            for test, target in self.characters[state]
            if (test == character if isinstance(test, str) else test.fits(character))
        }

    def after(self, states: States, character: str) -> States:
        """The states behind one character and what is free from there, remembered."""
        key = (states, character)
        if key not in self._after:
            self._after[key] = self.closure(self.step(states, character), first=False)
        return self._after[key]

    def written(self, states: States) -> list[str]:
        """The only characters that can come next, where these are written out; else none."""
        if states not in self._written:
            tests = {test for state in states for test, _ in self.characters[state]}
            plain = all(isinstance(test, str) for test in tests)
            self._written[states] = sorted(tests) if plain else []
        return self._written[states]

    def ends(self, states: States) -> bool:
        """Whether the text may end here."""
        if states not in self._ends:
            self._ends[states] = self.end in self.closure(states, first=False, last=True)
        return self._ends[states]

    def alive(self, states: States) -> bool:
        """Whether the end is reached or may still be."""
        if states not in self._alive:
            self._alive[states] = any(self.characters[s] for s in states) or self.ends(states)
        return self._alive[states]

    def kind(self, character: str) -> tuple[object, ...]:
        """What the automaton can tell of a character."""
        if character not in self._kinds:
            if not self._tests:
                steps = (test for steps in self.characters for test, _ in steps)
                self._tests = {id(test): test for test in steps if not isinstance(test, str)}
            named = character if character in self.named else ""
            self._kinds[character] = (named, *[test.fits(character) for test in self._tests.values()])
        return self._kinds[character]


class _Any:
    """Any character."""

    def fits(self, _: str) -> bool:
        """Always."""
        return True


class _TooLarge(Exception):
    """A pattern with more states than are worth while."""


@functools.lru_cache(maxsize=2048)
def _automaton(pattern: str) -> _Automaton | None:
    nodes = parsed_nodes(pattern)
    if nodes is None:
        return None
    automaton = _Automaton()
    try:
        automaton.end = automaton.add(nodes, automaton.start)
    except (_TooLarge, RecursionError):
        return None
    return automaton


def _walk(admitted: _Automaton, sought: _Automaton, *, occurs: bool) -> Iterator[str]:
    """Strings that the pattern admits, one for each way in which both can end, the shortest first.

    Ways on which the expression can no longer occur, or has occurred, are left when the other is wanted.
    """
    alphabet: list[str] = []
    begin = sought.closure({sought.start}, first=True)
    again = sought.closure({sought.start}, first=False)
    queue = deque([("", admitted.closure({admitted.start}, first=True), begin)])
    seen = {(queue[0][1], begin)}
    for _ in range(_STEPS):
        if not queue:
            return
        text, here, there = queue.popleft()
        if (admitted.end in here or admitted.ends(here)) and _hopeful(sought, there, occurs, last=True):
            yield text
        written = admitted.written(here)
        if not written and not alphabet:
            alphabet = _alphabet(admitted, sought)
        for character in written or alphabet:
            inside = admitted.after(here, character)
            if not inside:
                continue
            matching = there
            if not sought.exact or sought.end not in there:
                matching = sought.after(there, character) | again | (there & {sought.end})
            if (inside, matching) not in seen and _hopeful(sought, matching, occurs, last=False):
                seen.add((inside, matching))
                queue.append((text + character, inside, matching))


def _hopeful(sought: _Automaton, states: States, occurs: bool, *, last: bool) -> bool:
    """Whether a text on the way to these states (at its end: ``last``) can be one that is wanted."""
    if occurs:
        return sought.ends(states) if last else sought.alive(states)
    return not sought.exact or sought.end not in states


def _alphabet(one: _Automaton, other: _Automaton) -> list[str]:
    """Characters that the two can tell apart, one of each kind; plain ones first."""
    kinds: dict[tuple[object, ...], str] = {}
    for character in (*ALPHABET, *sorted(one.named | other.named)):
        kinds.setdefault((one.kind(character), other.kind(character)), character)
    return list(kinds.values())
