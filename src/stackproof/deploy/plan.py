"""What a deployment does, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from stackproof.deploy.handlers import emulated
from stackproof.errors import DeploymentFailed
from stackproof.model import Location
from stackproof.template.circles import of_resource
from stackproof.template.model import Expanded, Resolved


@dataclass(frozen=True, slots=True)
class Operation:
    """One resource of a plan. ``needs`` are deployed before it; ``emulated`` is False for a stub."""

    logical_id: str
    type: str
    needs: tuple[str, ...]
    location: Location
    emulated: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """Operations in an order in which each finds what it needs."""

    operations: tuple[Operation, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """The logical ids in that order."""
        return tuple(operation.logical_id for operation in self.operations)


def plan(resolved: Resolved) -> Plan:
    """The operations that create a resolved template. Raises ``DeploymentFailed`` for a circle."""
    return ordered(resolved.expanded, resolved.conditions, resolved.parameters)


def ordered(expanded: Expanded, conditions: Mapping[str, bool | None], parameters: Mapping[str, Any]) -> Plan:
    """As ``plan``, from the parts: a resource whose condition is false is left out."""
    written = expanded.tree.get("Resources")
    resources = {
        logical_id: node
        for logical_id, node in (written.items() if isinstance(written, dict) else ())
        if isinstance(node, dict) and _exists(node, conditions)
    }
    needs: dict[str, list[str]] = {}
    for logical_id, node in resources.items():
        targets = (item.target for item in of_resource(logical_id, node, conditions))
        wanted = dict.fromkeys(name for name in targets if name in resources and name not in parameters)
        needs[logical_id] = [name for name in wanted if name != logical_id]
    found = (
        Operation(
            logical_id,
            str(resources[logical_id].get("Type", "")),
            tuple(needs[logical_id]),
            expanded.locate(("Resources", logical_id)),
            emulated(str(resources[logical_id].get("Type", ""))),
        )
        for logical_id in _sorted(needs, expanded)
    )
    return Plan(tuple(found))


def _exists(node: Mapping[str, Any], conditions: Mapping[str, bool | None]) -> bool:
    condition = node.get("Condition")
    return not isinstance(condition, str) or conditions.get(condition) is not False


def _sorted(needs: Mapping[str, list[str]], expanded: Expanded) -> list[str]:
    """Template order, as far as the needs allow."""
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        place = expanded.locate(("Resources", circle[0]))
        raise DeploymentFailed(
            f"Circular dependency between resources: [{', '.join(dict.fromkeys(circle))}]",
            logical_id=circle[0],
            file=place.file,
            line=place.line,
            column=place.column,
        ) from error
    position = {name: index for index, name in enumerate(needs)}
    found: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=position.__getitem__)
        first = ready.pop(0)
        found.append(first)
        sorter.done(first)
    return found
