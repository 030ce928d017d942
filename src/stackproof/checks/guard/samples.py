"""Sample values: what an unknown could be, as far as a rule can tell values apart."""

from __future__ import annotations

import functools
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator

from stackproof.checks.guard.literals import Literals
from stackproof.checks.guard.patterns import found_in, full_match, occurrence, sample
from stackproof.checks.guard.witness import witness
from stackproof.checks.guard.worlds import ClassKey, key_of
from stackproof.model import JSON
from stackproof.template.model import Unknown

_MOST = 12
_PIECES = 8
_FILLERS = ("0", "Zz9-other", "a")


def fresh_values(unknowns: Iterable[Unknown]) -> dict[ClassKey, JSON]:
    """A value for each class of unknowns that no rule could have meant."""
    return {key_of(unknown): fresh(unknown) for unknown in unknowns}


def fresh(unknown: Unknown) -> JSON:
    """A value that the unknown can have, of its pattern, different from class to class."""
    if unknown.values:
        return unknown.values[0]
    mark = zlib.crc32(key_of(unknown).encode())
    if unknown.kind == "boolean":
        return True
    if unknown.kind == "number":
        return 700_000 + mark % 100_000
    text = _fresh_text(unknown.pattern, mark)
    return [text] if unknown.kind == "list" else text


def candidates(unknown: Unknown, literals: Literals) -> tuple[JSON, ...]:
    """The values to try for an unknown, the fresh one first: one of every kind that the rule can tell apart.

    Only values that the unknown admits; at most a dozen or so.
    """
    return _candidates(key_of(unknown), _Hashed(unknown), literals)


def admits(unknown: Unknown, value: JSON) -> bool:
    """Whether the unknown can have a value that somebody else has."""
    if unknown.values:
        return value in unknown.values
    shapes: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "list": list,
        "number": (int, float),
        "boolean": bool,
    }
    if unknown.kind in shapes and not isinstance(value, shapes[unknown.kind]):
        return False
    if isinstance(value, str) and unknown.pattern:
        return full_match(unknown.pattern, value)
    return not (unknown.generated and isinstance(value, str))


class _Hashed:
    """An unknown as a cache key (its expression is a dict and has no hash)."""

    def __init__(self, unknown: Unknown) -> None:
        self.unknown = unknown
        listed = json.dumps(unknown.values, default=str)
        shape = (unknown.kind, unknown.pattern, unknown.generated, unknown.may_be_empty)
        self.identity = (key_of(unknown), listed, shape)

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and other.identity == self.identity


@functools.lru_cache(maxsize=8192)
def _candidates(_: ClassKey, hashed: _Hashed, literals: Literals) -> tuple[JSON, ...]:
    unknown = hashed.unknown
    if unknown.values:
        found = _listed(unknown, literals)
    else:
        found = _possible(unknown, literals)
    unique: dict[str, JSON] = {}
    for value in (fresh(unknown), *found):
        unique.setdefault(json.dumps(value, sort_keys=True, default=str), value)
    return tuple(unique.values())[: 2 * _MOST]


def _listed(unknown: Unknown, literals: Literals) -> list[JSON]:
    """Of the listed values those that the rule names first, so that a long list keeps its telling ones."""
    told = {json.dumps(value) for value in (*literals.strings, *literals.numbers)}
    rank = sorted(unknown.values, key=lambda value: json.dumps(value, default=str) not in told)
    return rank[: 2 * _MOST]


def _possible(unknown: Unknown, literals: Literals) -> list[JSON]:
    kind = unknown.kind
    found: list[JSON] = []
    if kind == "boolean":
        found += [True, False]
    if kind == "number" or (kind == "any" and (literals.numbers or literals.ranges)):
        found += _numbers(literals)
    if kind in {"string", "any"}:
        found += _texts(unknown, literals)
    if kind == "any":
        found += [True, False] if literals.booleans else []
        found += [["sample"], {"sample": "sample"}, 7] if literals.kinds else []
    if kind == "list":
        found += _list_values(unknown, literals)
    return found


def _texts(unknown: Unknown, literals: Literals) -> list[JSON]:
    found: list[str] = []
    if not unknown.generated or unknown.pattern:
        found += _representatives(unknown, literals)
    found += _regex_samples(unknown, literals)
    if literals.parses:
        found += [text for text in ("{}", '{"Statement":[]}') if _fits(unknown, text)]
    if unknown.may_be_empty:
        found.append("")
    return list(found)


def _representatives(unknown: Unknown, literals: Literals) -> list[str]:
    """Literals that the unknown can be equal to; of a list that is tested as a whole, its ends."""
    admitted = [text for text in literals.strings if text and _fits(unknown, text)]
    if len(admitted) <= _MOST:
        return admitted
    in_lists = {item for group in literals.lists for item in group}
    ends = {item for group in literals.lists for item in _ends([x for x in group if x in admitted])}
    return [text for text in admitted if text not in in_lists or text in ends][:_MOST]


def _ends(group: list[JSON]) -> list[JSON]:
    return [group[0], group[-1]] if group else []


def _regex_samples(unknown: Unknown, literals: Literals) -> Iterator[str]:
    """For every regular expression one value in which it occurs and one in which it does not."""
    for regex in literals.regexes:
        occurring = occurrence(regex)
        pool = [fresh_text for fresh_text in [_fresh_text(unknown.pattern, 1)] if fresh_text]
        fillers = [text for text in (*_pieces(occurring or ""), *_FILLERS) if text]
        for filler in fillers:
            made = sample(unknown.pattern, filler) if unknown.pattern else filler
            if made and _fits(unknown, made):
                pool.append(made)
        for wanted in (True, False):
            chosen = next((value for value in pool if found_in(regex, value) is wanted), None)
            if chosen is None and unknown.pattern:
                chosen = witness(unknown.pattern, regex, occurs=wanted)
            if chosen is not None:
                yield chosen
        if found_in(regex, "") is None:
            yield from pool[:2]


def _pieces(text: str) -> Iterator[str]:
    """A text and what is left of it from each separator on: a pattern may hold its first part already."""
    yield text
    cuts = [found.end() for found in re.finditer(r"[^A-Za-z0-9]+", text)]
    yield from (text[cut:] for cut in reversed(cuts[-_PIECES:]))


def _numbers(literals: Literals) -> list[JSON]:
    """Each number that the rule names, between neighbours, below the least and above the greatest."""
    named = sorted({*literals.numbers, *(bound for pair in literals.ranges for bound in pair)})
    whole = [int(value) if float(value).is_integer() else value for value in named]
    if not whole:
        return []
    between = [(a + b) / 2 for a, b in itertools.pairwise(whole)]
    near: list[JSON] = [whole[0] - 1, *whole, *(int(value) for value in between), whole[-1] + 1]
    return near[: 2 * _MOST]


def _list_values(unknown: Unknown, literals: Literals) -> list[JSON]:
    one = Unknown(unknown.expression, "", "string", unknown.pattern, generated=unknown.generated)
    items = _texts(one, literals)[:_MOST]
    mark = _fresh_text(unknown.pattern, 2)
    found: list[JSON] = [[]] if unknown.may_be_empty else []
    found += [[item] for item in items]
    found += [[mark, item] for item in items[:3]]
    if not unknown.generated:
        found += [list(group) for group in literals.lists if all(_fits(one, x) for x in group)]
    return found


def _fits(unknown: Unknown, value: JSON) -> bool:
    return not unknown.pattern or (isinstance(value, str) and full_match(unknown.pattern, value))


def _fresh_text(pattern: str, mark: int) -> str:
    name = f"sample{mark % 10**6:06d}"
    if not pattern:
        return name
    return sample(pattern, name) or sample(pattern) or name
