"""The change set of an update: what would happen, computed without calling AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stackproof.deploy.changes import Action, Change, differences, replacing
from stackproof.deploy.handlers import handler
from stackproof.deploy.model import Resource
from stackproof.deploy.plan import ordered
from stackproof.deploy.state import State
from stackproof.deploy.values import Values
from stackproof.template.unknowns import contains_unknown

if TYPE_CHECKING:
    from stackproof.deploy.run import Context


def changes(context: Context, before: State) -> tuple[Change, ...]:
    """Creations, changes and replacements in their order, then deletions."""
    settled: dict[str, Resource] = {}
    values = Values(context, settled)
    plan = ordered(context.blueprint.expanded, values.conditions, values.parameters)
    found: list[Change] = []
    for operation in plan.operations:
        old = before.resources.get(operation.logical_id)
        if old is None:
            found.append(Change(operation.logical_id, operation.type, Action.CREATE))
            continue
        wanted = values.guess(operation.logical_id)
        # What hangs on the id of a new or replaced resource is unknown now: it may differ.
        certain = not contains_unknown(wanted)
        paths = differences(old.properties, wanted)
        replaced = replacing(handler(old.type), old.type, paths)
        action = Action.REPLACE if replaced else Action.MODIFY if paths else Action.NONE
        found.append(Change(operation.logical_id, operation.type, action, paths, certain))
        if not replaced:
            settled[operation.logical_id] = old
    order = {operation.logical_id for operation in plan.operations}
    for old in reversed([*before.resources.values()]):
        if old.logical_id not in order:
            kept = old.policies.get("DeletionPolicy", "").startswith("Retain")
            found.append(Change(old.logical_id, old.type, Action.RETAIN if kept else Action.DELETE))
    return tuple(found)
