"""References between resources, and the circles that they must not form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from stackproof.model import DocPath, Related
from stackproof.template.resolve_scope import Scope
from stackproof.template.strings import VARIABLE


@dataclass(frozen=True, slots=True)
class Reference:
    """One mention of a name: ``kind`` is ``ref``, ``getatt`` or ``dependson``."""

    kind: str
    target: str
    path: DocPath
    attribute: str = ""


def references(node: Any, path: DocPath, conditions: Mapping[str, bool | None]) -> Iterator[Reference]:
    """Every Ref, GetAtt and Sub variable in a tree; branches that a decided condition drops are left out."""
    stack: list[tuple[Any, DocPath, frozenset[str]]] = [(node, path, frozenset())]
    while stack:
        current, here, given = stack.pop()
        if isinstance(current, list):
            stack.extend((item, (*here, i), frozenset()) for i, item in enumerate(current))
            continue
        if not isinstance(current, dict):
            continue
        if len(current) == 1:
            ((key, arguments),) = current.items()
            inner = (*here, key)
            if key == "Ref" and isinstance(arguments, str):
                yield Reference("ref", arguments, inner)
                continue
            if key == "Fn::GetAtt":
                yield from _getatt(arguments, inner)
            elif key == "Fn::Sub":
                yield from _sub(arguments, inner)
            elif key == "Fn::If" and isinstance(arguments, list) and len(arguments) == 3:
                truth = conditions.get(arguments[0]) if isinstance(arguments[0], str) else None
                kept = (1, 2) if truth is None else (1,) if truth else (2,)
                stack.extend((arguments[index], (*inner, index), given) for index in kept)
                continue
        stack.extend((item, (*here, key), frozenset()) for key, item in current.items())


def _getatt(arguments: Any, path: DocPath) -> Iterator[Reference]:
    parts = arguments.split(".", 1) if isinstance(arguments, str) else arguments
    if isinstance(parts, list) and len(parts) > 1 and isinstance(parts[0], str):
        rest = [part for part in parts[1:] if isinstance(part, str)]
        yield Reference("getatt", parts[0], path, ".".join(rest))


def _sub(arguments: Any, path: DocPath) -> Iterator[Reference]:
    text, given = arguments, {}
    if isinstance(arguments, list) and len(arguments) == 2 and isinstance(arguments[1], dict):
        text, given = arguments
    if not isinstance(text, str):
        return
    for found in VARIABLE.finditer(text):
        name = found[2].strip()
        if found[1] or name in given:
            continue
        if "." in name:
            target, attribute = name.split(".", 1)
            yield Reference("getatt", target, path, attribute)
        else:
            yield Reference("ref", name, path)


def of_resource(logical_id: str, resource: Any, conditions: Mapping[str, bool | None]) -> Iterator[Reference]:
    """Everything that a resource needs: references in all attributes but Metadata and Condition, DependsOn.

    ``Metadata`` is left in too: CloudFormation resolves and orders by it.
    """
    if not isinstance(resource, dict):
        return
    names = resource.get("DependsOn")
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str):
            yield Reference("dependson", name, ("Resources", logical_id, "DependsOn"))
    for key, item in resource.items():
        if key not in {"Type", "DependsOn", "Condition"}:
            yield from references(item, ("Resources", logical_id, key), conditions)


def report(scope: Scope, conditions: Mapping[str, bool | None]) -> None:
    """Report the first circle of resources that need each other."""
    resources = scope.section("Resources")
    mentions: dict[str, list[Reference]] = {}
    for logical_id, resource in resources.items():
        condition = resource.get("Condition") if isinstance(resource, dict) else None
        if isinstance(condition, str) and conditions.get(condition) is False:
            continue
        mentions[logical_id] = [
            item
            for item in of_resource(logical_id, resource, conditions)
            if item.target in resources and item.target not in scope.values
        ]
    sorter = TopologicalSorter({name: {item.target for item in found} for name, found in mentions.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        # The error lists the circle from what is needed to what needs it.
        circle = list(reversed(error.args[1]))
        first = circle[0]
        path = next((item.path for item in mentions[first] if item.target == circle[1]), ("Resources", first))
        if len(circle) == 2:
            message = f"'{first}' refers to itself"
        else:
            message = f"the resources need each other: {' → '.join(circle)}"
        related = Related(scope.expanded.locate(path), f"the reference to {circle[1]}")
        scope.report("SP-RESOLVE-CYCLE", message, ("Resources", first), related=[related])
