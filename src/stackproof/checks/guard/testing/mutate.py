"""Breaking what a rule compares: a rule that passes whatever stands there does not look."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.checks.guard.literals import Literals
from stackproof.checks.guard.patterns import occurrence
from stackproof.checks.guard.queries import START
from stackproof.checks.guard.reach import Reach
from stackproof.model import JSON, DocPath

_OTHER = "mutated"
_LITERALS = 16


@dataclass(frozen=True, slots=True)
class Property:
    """A property that a rule names: the type of its resource and its keys, list indexes as ``*``."""

    kind: str
    keys: tuple[str, ...]

    def __str__(self) -> str:
        dotted = ".".join(self.keys).replace(".*", "[*]")
        return f"{self.kind}: {dotted}" if self.kind else dotted


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of an input: what was done and the document that comes of it."""

    what: str
    document: JSON


def compared(
    document: JSON, extent: Reach, before: Mapping[str, frozenset[str]], ends: frozenset[str]
) -> Iterator[tuple[Property, DocPath]]:
    """The properties in a document that a rule compares: every key on the way stands in its queries.

    ``before`` and ``ends`` are what ``compared_keys`` says of the rule.
    """
    resources = document.get("Resources") if isinstance(document, dict) else None
    for logical_id, body in resources.items() if isinstance(resources, dict) else ():
        if isinstance(body, dict) and extent.resource(str(body.get("Type"))):
            for keys, path in _named(body, ("Resources", logical_id), (), START, before):
                if keys[-1] in ends and keys != ("Type",):
                    shown = keys[1:] if keys[0] == "Properties" and len(keys) > 1 else keys
                    yield Property(str(body.get("Type")), shown), path


def _named(
    node: Any, path: DocPath, keys: tuple[str, ...], last: str, before: Mapping[str, frozenset[str]]
) -> Iterator[tuple[tuple[str, ...], DocPath]]:
    if isinstance(node, list):
        for index, child in enumerate(node):
            yield from _named(child, (*path, index), (*keys, "*"), last, before)
        return
    if not isinstance(node, dict):
        return
    for key, child in node.items():
        allowed = before.get(key, frozenset())
        if last == START or last in allowed or START in allowed:
            if allowed:
                yield (*keys, key), (*path, key)
            if allowed or last == START:
                yield from _named(child, (*path, key), (*keys, key), key, before)


def mutations(document: JSON, path: DocPath, literals: Literals) -> Iterator[Mutation]:
    """Every way to break the value at a path: remove, flip, empty, another value or type, the rule's own."""
    yield Mutation("removed", _changed(document, path, None, remove=True))
    value = _value(document, path)
    told: set[str] = {json.dumps(value, sort_keys=True)}
    for what, other in _others(value, literals):
        text = json.dumps(other, sort_keys=True)
        if text not in told:
            told.add(text)
            yield Mutation(what, _changed(document, path, other))


def _others(value: JSON, literals: Literals) -> Iterator[tuple[str, JSON]]:
    if isinstance(value, bool):
        yield "flipped", not value
    elif isinstance(value, str) and value.lower() in {"true", "false"}:
        yield "flipped", "false" if value.lower() == "true" else "true"
    elif isinstance(value, int | float):
        yield "made large", value + 1_000_000
        yield "made small", -1
    yield "another value", _OTHER
    empties: tuple[JSON, ...] = ("", [], {})
    for empty in empties:
        if isinstance(value, type(empty)):
            yield "emptied", empty
    for literal in _told(literals):
        yield f"set to {json.dumps(literal)}", literal
        if isinstance(value, list):
            yield f"set to [{json.dumps(literal)}]", [literal]
    yield "another type", [_OTHER] if not isinstance(value, list) else {_OTHER: _OTHER}
    yield "another type", 424_242


def _told(literals: Literals) -> Iterator[JSON]:
    yield from literals.strings[:_LITERALS]
    for regex in literals.regexes[:_LITERALS]:
        made = occurrence(regex)
        if made is not None:
            yield made
    for number in literals.numbers[:_LITERALS]:
        yield from (number, number + 1, number - 1)
    if literals.booleans:
        yield from (True, False)


def _value(document: JSON, path: DocPath) -> JSON:
    for key in path:
        document = document[key]
    return document


def _changed(document: JSON, path: DocPath, value: JSON, *, remove: bool = False) -> JSON:
    changed = copy.copy(document)
    node = changed
    for key in path[:-1]:
        node[key] = copy.copy(node[key])
        node = node[key]
    if remove:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return changed
