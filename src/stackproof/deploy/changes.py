"""What an update does to a resource: nothing, a change in place, a replacement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stackproof import schemas
from stackproof.deploy.handler import Handler
from stackproof.template.physical_table import PHYSICAL


class Action(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    NONE = "no change"
    MODIFY = "modify"
    REPLACE = "replace"
    DELETE = "delete"
    RETAIN = "retain"


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a change set.

    ``properties`` are the paths that differ. ``certain`` is False when it hangs on a value that only the
    deployment will tell (the id of a resource that is replaced).
    """

    logical_id: str
    type: str
    action: Action
    properties: tuple[str, ...] = ()
    certain: bool = True


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Dotted paths at which two trees of properties differ; a list differs as a whole."""
    found: list[str] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += [f"{name}.{path}" for path in differences(old, new)]
        else:
            found.append(name)
    return tuple(found)


def replacing(handler: Handler, resource_type: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the changed paths whose change replaces the resource, by the provider schema."""
    fixed = (schemas.create_only(resource_type) | handler.replaces) - handler.in_place
    return tuple(path for path in paths if any(_touches(path, one) for one in fixed))


def _touches(path: str, fixed: str) -> bool:
    """Whether a change at ``path`` changes what stands at ``fixed`` (``*`` is any list item)."""
    fixed = fixed.split(".*", 1)[0]
    return path == fixed or path.startswith(f"{fixed}.") or fixed.startswith(f"{path}.")


def custom_name(resource_type: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The name that stands in a replacement's way: the template's own, and unchanged. "" when none does."""
    shape = PHYSICAL.get(resource_type)
    names = (shape.name,) if shape is not None else schemas.primary_identifier(resource_type)
    if not names or any(name in schemas.read_only(resource_type) for name in names):
        return ""
    values = [after.get(name) for name in names if name]
    if not values or None in values or any(before.get(name) != after.get(name) for name in names):
        return ""
    return ", ".join(map(str, values))
