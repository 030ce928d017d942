"""A change of an item, and the record that a stream makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Mapping[str, Any]]
"""An item in DynamoDB JSON; binary values are bytes."""

NEW, OLD = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"), ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")
"""The view types whose records have the new, and the old image."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one call did to one item: ``old`` None when there was none, ``new`` None when it is gone.

    ``table`` is the table's ARN, ``keys`` its key attributes, hash first. ``stream`` is the ARN of its
    stream, "" when it has none, and ``view`` that stream's view type.
    """

    table: str
    stream: str
    view: str
    keys: tuple[str, ...]
    old: Item | None
    new: Item | None

    @property
    def name(self) -> str:
        """INSERT, MODIFY or REMOVE; "" when nothing changed."""
        if self.old is None or self.new is None:
            return "REMOVE" if self.new is None else "INSERT"
        return "" if _comparable(self.old) == _comparable(self.new) else "MODIFY"

    @property
    def key(self) -> dict[str, Any]:
        """The item's primary key."""
        item = self.new or self.old or {}
        return {name: item[name] for name in self.keys}

    def images(self) -> dict[str, Any]:
        """Keys, NewImage and OldImage as the view type has them, with SizeBytes."""
        return self.seen(self.view)

    def seen(self, view: str) -> dict[str, Any]:
        """As ``images``, with another view type."""
        found: dict[str, Any] = {"Keys": self.key}
        if self.new is not None and view in NEW:
            found["NewImage"] = self.new
        if self.old is not None and view in OLD:
            found["OldImage"] = self.old
        return {**found, "SizeBytes": sum(size(item) for item in found.values())}


def _comparable(item: Item) -> dict[str, Any]:
    """An item in which the order of a set says nothing."""
    return {name: _unordered(value) for name, value in item.items()}


def _unordered(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind in ("SS", "NS", "BS"):
        return kind, sorted(content)
    if kind == "L":
        return kind, [_unordered(one) for one in content]
    if kind == "M":
        return kind, {name: _unordered(one) for name, one in content.items()}
    return kind, content


def size(item: Item) -> int:
    """Bytes of an item (developer guide, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return (len(content.strip("-0.").replace(".", "")) + 1) // 2 + 1
    if kind == "B":
        return len(content)
    if kind in ("SS", "NS", "BS"):
        return sum(_size({kind[0]: one}) for one in content)
    if kind == "L":
        return 3 + sum(1 + _size(one) for one in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in content.items())
    return 1
