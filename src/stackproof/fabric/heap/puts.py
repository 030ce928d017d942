"""Writing a captured content back into the object that it came from, only where it differs.

Each function takes the object, what else it needs, and the content: a mapping, or a tuple of values.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from operator import is_
from types import CellType, FunctionType
from typing import Any, NamedTuple

Put = Callable[[Any, Any, Any], None]
MISSING = object()
"""Stands for what a slot or a cell without a value holds."""


class Cell(NamedTuple):
    """One object: ``put(held, extra, content)`` writes its content back."""

    put: Put
    held: Any
    extra: Any
    content: Any


def same(mine: Iterable[Any], kept: Iterable[Any]) -> bool:
    """Whether two equally long rows hold the very same objects."""
    return all(map(is_, mine, kept))


def put_mapping(held: Any, extra: Any, content: Mapping[Any, Any]) -> None:
    """A dict, in its order."""
    if len(held) == len(content) and same(dict.values(held), content.values()) and same(held, content):
        return
    dict.clear(held)
    dict.update(held, content)


def put_ordered(held: Any, extra: Any, content: Mapping[Any, Any]) -> None:
    """An OrderedDict."""
    pairs = list(OrderedDict.items(held))
    mine = [part for pair in pairs for part in pair]
    if len(pairs) == len(content) and same(mine, (part for pair in content.items() for part in pair)):
        return
    OrderedDict.clear(held)
    for key, value in content.items():
        OrderedDict.__setitem__(held, key, value)


def put_list(held: Any, extra: Any, content: tuple[Any, ...]) -> None:
    """A list."""
    if list.__len__(held) != len(content) or not same(list.__iter__(held), content):
        list.__setitem__(held, slice(None), content)


def put_deque(held: Any, extra: Any, content: tuple[Any, ...]) -> None:
    """A deque; its greatest length cannot change."""
    if deque.__len__(held) != len(content) or not same(deque.__iter__(held), content):
        deque.clear(held)
        deque.extend(held, content)


def put_set(held: Any, extra: Any, content: tuple[Any, ...]) -> None:
    """A set. Always filled anew: its order hangs on how it was filled, and is the same each time."""
    set.clear(held)
    set.update(held, content)


def put_buffer(held: Any, extra: Any, content: tuple[Any]) -> None:
    """A bytearray or an array."""
    if held[:] != content[0]:
        held[:] = content[0]


def put_numbers(held: Any, extra: Any, content: tuple[Any]) -> None:
    """An array of numpy; ValueError when it has another shape now."""
    if held.shape != content[0].shape:
        raise ValueError("an array has another shape")
    held[...] = content[0]


def put_state(held: Any, extra: Any, content: tuple[Any]) -> None:
    """What has a method that takes its state back; ``extra`` is its name."""
    getattr(held, extra)(content[0])


def put_decimal(held: Any, extra: Any, content: tuple[Any]) -> None:
    """A decimal context."""
    (kept,) = content
    for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp"):
        setattr(held, name, getattr(kept, name))
    held.flags.update(kept.flags)
    held.traps.update(kept.traps)


def put_cell(held: CellType, extra: Any, content: tuple[Any]) -> None:
    """A variable of a closure."""
    (value,) = content
    if value is MISSING:
        try:
            del held.cell_contents
        except ValueError:
            return
    elif cell_value(held) is not value:
        held.cell_contents = value


def cell_value(held: CellType) -> Any:
    """What a cell holds, or MISSING."""
    try:
        return held.cell_contents
    except ValueError:
        return MISSING


def put_function(held: FunctionType, extra: Any, content: tuple[Any, Any, Any]) -> None:
    """The defaults and the code of a function."""
    defaults, keywords, code = content
    if held.__defaults__ is not defaults:
        held.__defaults__ = defaults
    if held.__kwdefaults__ is not keywords:
        held.__kwdefaults__ = keywords
    if held.__code__ is not code:
        held.__code__ = code


def put_class(held: type, extra: Any, content: Mapping[str, Any]) -> None:
    """The attributes of a class, around whatever its metaclass forbids."""
    mine = namespace(held)
    for name in mine.keys() - content.keys():
        type.__delattr__(held, name)
    for name, value in content.items():
        if mine.get(name, MISSING) is not value:
            type.__setattr__(held, name, value)


_FIXED = frozenset(("__dict__", "__weakref__", "__doc__"))


def namespace(held: type) -> dict[str, Any]:
    """The attributes of a class that can change."""
    return {
        name: value for name, value in type.__dict__["__dict__"].__get__(held).items() if name not in _FIXED
    }


def put_instance(held: Any, extra: tuple[type, Any, Any], content: Mapping[str, Any]) -> None:
    """The attributes of an instance, in the dict that it had then; its class."""
    kind, descriptor, attributes = extra
    if type(held) is not kind:
        object.__setattr__(held, "__class__", kind)
    if descriptor.__get__(held) is not attributes:
        descriptor.__set__(held, attributes)
    put_mapping(attributes, None, content)


def put_slots(held: Any, extra: tuple[Any, ...], content: tuple[Any, ...]) -> None:
    """The slots of an instance; ``extra`` are their descriptors."""
    for descriptor, value in zip(extra, content, strict=True):
        mine = slot_value(held, descriptor)
        if mine is value:
            continue
        if value is MISSING:
            descriptor.__delete__(held)
        else:
            descriptor.__set__(held, value)


def slot_value(held: Any, descriptor: Any) -> Any:
    """What a slot holds, or MISSING."""
    try:
        return descriptor.__get__(held)
    except AttributeError:
        return MISSING
