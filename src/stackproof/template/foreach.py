"""The language extensions: ``Fn::ForEach``, and ``Fn::Length``, ``Fn::ToJsonString`` of literals.

Semantics from the CloudFormation user guide, "Fn::ForEach": the loop's body is repeated for each value of
the collection, ``${Name}`` and ``&{Name}`` in its keys and texts and ``Ref: Name`` become the value
(``&{}`` without what is not alphanumeric). A collection that hangs on something unknown is not guessed:
the loop is left out and the finding says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stackproof.model import DocPath, Finding, Location, Outcome
from stackproof.template.load_rules import finding
from stackproof.template.paths import PathMap
from stackproof.template.values import NotKnown, Values

PREFIX = "Fn::ForEach::"
MAX_COPIES = 2000
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")
_VARIABLE = re.compile(r"\$\{[^!]|&\{")


@dataclass(slots=True)
class LoopResult:
    """The tree without loops, where its parts came from, and what could not be expanded."""

    tree: dict[str, Any]
    paths: PathMap
    findings: list[Finding] = field(default_factory=list)
    partial: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk stands: in the new tree, in the old one, and the loop variables that hold there."""

    new: DocPath = ()
    old: DocPath = ()
    loop: Mapping[str, str] = field(default_factory=dict)

    def down(self, new: str | int, old: str | int) -> _Place:
        return replace(self, new=(*self.new, new), old=(*self.old, old))


class _BadLoop(Exception):
    pass


def has_loops(node: Any) -> bool:
    """Whether a loop stands anywhere below ``node``."""
    if isinstance(node, dict):
        return any(key.startswith(PREFIX) or has_loops(value) for key, value in node.items())
    return isinstance(node, list) and any(map(has_loops, node))


def expand_loops(tree: dict[str, Any], values: Values, locate: Callable[[DocPath], Location]) -> LoopResult:
    """Unroll every loop of ``tree`` (plain JSON). ``locate`` finds source lines for paths of ``tree``."""
    walker = _Walker(values, locate, LoopResult({}, PathMap()))
    walker.result.tree = walker.mapping(tree, _Place())
    return walker.result


@dataclass(slots=True)
class _Walker:
    values: Values
    locate: Callable[[DocPath], Location]
    result: LoopResult
    copies: int = 0

    def node(self, node: Any, place: _Place) -> Any:
        if isinstance(node, dict):
            return self._function(node, place) if len(node) == 1 else self.mapping(node, place)
        if isinstance(node, list):
            return [self.node(item, place.down(index, index)) for index, item in enumerate(node)]
        return _substitute(node, place.loop) if isinstance(node, str) else node

    def mapping(self, node: dict[str, Any], place: _Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in node.items():
            if key.startswith(PREFIX):
                self._loop(key, value, place, result)
                continue
            new_key = _substitute(key, place.loop)
            below = place.down(new_key, key)
            if new_key in result:
                self._refuse(f"'{new_key}' is made twice", below)
                continue
            if new_key != key:
                self._moved(below)
            result[new_key] = self.node(value, below)
        return result

    def _function(self, node: dict[str, Any], place: _Place) -> Any:
        name, argument = next(iter(node.items()))
        below = place.down(name, name)
        if name == "Ref" and isinstance(argument, str) and argument in place.loop:
            return place.loop[argument]
        if name == "Fn::Sub" and place.loop:
            return self._sub(argument, below)
        if name == "Fn::If" and isinstance(argument, list) and len(argument) == 3:
            # CloudFormation leaves the condition's name alone inside a loop.
            branches = [self.node(argument[index], below.down(index, index)) for index in (1, 2)]
            return {name: [argument[0], *branches]}
        expanded = self.mapping(node, place)
        value = expanded.get(name)
        if name == "Fn::Length" and isinstance(value, list):
            return len(value)
        if name == "Fn::ToJsonString" and isinstance(value, dict | list) and _literal(value):
            return json.dumps(value, separators=(",", ":"))
        return expanded

    def _sub(self, argument: Any, place: _Place) -> Any:
        value = self.node(argument, place)
        text = value[0] if isinstance(value, list) and value else value
        done = isinstance(text, str) and not _VARIABLE.search(text) and "${!" not in text
        return text if done else {"Fn::Sub": value}

    def _loop(self, key: str, value: Any, place: _Place, result: dict[str, Any]) -> None:
        here = place.down(key, key)
        try:
            name, collection, body = _parts(value)
            items = self._items(collection, place)
        except _BadLoop as error:
            self._refuse(f"{key}: {error}", here)
            return
        except NotKnown as error:
            self._unknown(key, error.name, here)
            return
        for item in items:
            self.copies += len(body)
            if self.copies > MAX_COPIES:
                self._refuse(f"{key}: loops make more than {MAX_COPIES} copies", here)
                return
            inner = _Place(place.new, (*here.old, 2), {**place.loop, name: item})
            self._merge(key, self.mapping(body, inner), inner, here, result)

    def _merge(
        self, key: str, copy: dict[str, Any], inner: _Place, here: _Place, result: dict[str, Any]
    ) -> None:
        for new_key, value in copy.items():
            if new_key in result:
                self._refuse(f"{key} makes '{new_key}' more than once", here)
                continue
            if inner.new in (("Resources",), ("Outputs",)) and not _LOGICAL_ID.fullmatch(new_key):
                self._refuse(f"{key} makes the logical id '{new_key}', which is not alphanumeric", here)
                continue
            result[new_key] = value
            if (*inner.new, new_key) not in self.result.paths.moved:
                self._moved(_Place((*inner.new, new_key), (*inner.old, new_key)))

    def _items(self, collection: Any, place: _Place) -> list[str]:
        value = self.values.evaluate(collection, place.loop)
        if not isinstance(value, list):
            raise _BadLoop("the collection is not a list")
        items: list[str] = []
        for item in value:
            for text in item if isinstance(item, list) else [item]:
                if isinstance(text, dict | list) or text is None:
                    raise _BadLoop("the collection holds something that is not text")
                items.append(str(text))
        return items

    def _moved(self, place: _Place) -> None:
        self.result.paths.moved[place.new] = place.old

    def _refuse(self, message: str, place: _Place) -> None:
        location = self.locate(place.old)
        found = finding("SP-TRANSFORM-FOREACH", message, location, path=place.old)
        if found not in self.result.findings:
            self.result.findings.append(found)
        self.result.partial = True

    def _unknown(self, key: str, name: str, place: _Place) -> None:
        message = f"{key} was not expanded: its collection hangs on {name}, whose value is not known"
        location = self.locate(place.old)
        found = finding(
            "SP-TRANSFORM-FOREACH",
            message,
            location,
            path=place.old,
            outcome=Outcome.UNDECIDED,
            fix=f"Give {name} a value in the deployment configuration.",
        )
        self.result.findings.append(found)
        self.result.partial = True


def _parts(value: Any) -> tuple[str, Any, dict[str, Any]]:
    if not isinstance(value, list) or len(value) != 3:
        raise _BadLoop("a loop is a list of three: an identifier, a collection and a mapping")
    name, collection, body = value
    if not isinstance(name, str) or not name:
        raise _BadLoop("the identifier is not text")
    if not isinstance(collection, list | dict):
        raise _BadLoop("the collection is neither a list nor a function")
    if not isinstance(body, dict):
        raise _BadLoop("the body is not a mapping")
    return name, collection, body


def _substitute(text: str, loop: Mapping[str, str]) -> str:
    if "{" not in text:
        return text
    for name, value in loop.items():
        text = text.replace(f"${{{name}}}", value)
        text = text.replace(f"&{{{name}}}", re.sub("[^0-9A-Za-z]", "", value))
    return text


def _literal(node: Any) -> bool:
    if isinstance(node, dict):
        return all(key != "Ref" and not key.startswith("Fn::") and _literal(node[key]) for key in node)
    return all(map(_literal, node)) if isinstance(node, list) else True
