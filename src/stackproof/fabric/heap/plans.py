"""How the instances of a class are walked, and which objects the process shares between environments."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stackproof.fabric.heap import kinds, puts

Take = Callable[[Any, Any, str], None]
"""Captures, for a walk, what an object holds beside its attributes; the text names what led to it."""
_plans: weakref.WeakKeyDictionary[type, Plan] = weakref.WeakKeyDictionary()
"""Of classes that the process shares."""
_singletons: dict[str, tuple[int, dict[int, Any]]] = {}
"""The module-level objects of packages, by id, with the number of modules when they were gathered."""


@dataclass(slots=True)
class Plan:
    """How instances of a class are walked. ``skip``: left as they are; ``content`` captures what its native
    base holds; ``attributes`` is the descriptor of ``__dict__``."""

    skip: bool = False
    content: Take | None = None
    attributes: Any = None
    slots: tuple[Any, ...] = ()
    foreign: str = ""
    refused: bool = False


Contents = Sequence[tuple[type, Take]]
"""The first type that a class comes from says how what its instances hold is taken."""


def plan_of(kind: type, contents: Contents, *, own: bool) -> Plan:
    """The plan of a class; ``own``: of the environment's code."""
    if own:
        return _planned(kind, contents, own=True)
    plan = _plans.get(kind)
    if plan is None:
        plan = _plans[kind] = _planned(kind, contents, own=False)
    return plan


def _planned(kind: type, contents: Contents, *, own: bool) -> Plan:
    if not own and kinds.is_constant(kind):
        return Plan(skip=True)
    content = next((take for base, take in contents if issubclass(kind, base)), None)
    if (kind.__module__, kind.__name__) == ("numpy", "ndarray"):
        return Plan(content=_numbers)
    if kinds.is_wrapper(kind):
        return Plan(content=referents)
    if issubclass(kind, type | types.ModuleType):
        return Plan(content=content)
    native = next(base for base in kind.__mro__ if base is object or kinds.is_native(base))
    atomic = any(issubclass(native, base) for base in kinds.ATOMIC if base is not object)
    return Plan(
        content=content,
        attributes=_attributes(kind),
        slots=_slots(kind),
        foreign="" if own else kind.__module__.partition(".")[0],
        refused=native is not object and content is None and not atomic,
    )


def referents(walk: Any, held: Any, origin: str) -> None:
    """Take what an object holds that itself never changes."""
    for one in gc.get_referents(held):
        walk.push(one, origin)


def _numbers(walk: Any, held: Any, origin: str) -> None:
    """Take the elements of an array of numpy; one of objects is none that can be compared and copied."""
    if held.dtype.hasobject:
        walk.refuse(held, origin)
    walk.add(puts.Cell(puts.put_numbers, held, None, (held.copy(),)))


def gathered(package: str) -> dict[int, Any]:
    """The module-level objects of a package. They are held, so that no other gets the id of one."""
    count, found = _singletons.get(package, (0, {}))
    if count != len(sys.modules):
        below = f"{package}."
        found = {
            id(one): one
            for name, module in list(sys.modules.items())
            if (name == package or name.startswith(below)) and isinstance(module, types.ModuleType)
            for one in vars(module).values()
        }
        _singletons[package] = (len(sys.modules), found)
    return found


def _attributes(kind: type) -> Any:
    """The descriptor of an instance's ``__dict__``, whatever its class makes of that name."""
    for base in kind.__mro__:
        found = type.__dict__["__dict__"].__get__(base).get("__dict__")
        if isinstance(found, types.GetSetDescriptorType | types.MemberDescriptorType):
            return found
    return None


def _slots(kind: type) -> tuple[Any, ...]:
    """The descriptors of the slots that Python code declared."""
    return tuple(
        value
        for base in kind.__mro__
        if "__slots__" in (space := type.__dict__["__dict__"].__get__(base)) and not kinds.is_native(base)
        for value in space.values()
        if isinstance(value, types.MemberDescriptorType)
    )
