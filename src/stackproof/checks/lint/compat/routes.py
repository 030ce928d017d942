"""Walking only to those places of a template whose matches are wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Routes:
    """The way from a document's root to some values, and all that lies below each of them."""

    def __init__(self, ends: Iterable[tuple[str | int, ...]]) -> None:
        self._ends = frozenset(ends)
        self._ways = frozenset(end[:length] for end in self._ends for length in range(len(end) + 1))
        self._known: dict[tuple[str | int, ...], bool] = {}

    def lead(self, path: tuple[str | int, ...]) -> bool:
        """Whether the path lies on the way to one of the values, at it or below it."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._leads(path)
        return known

    def _leads(self, path: tuple[str | int, ...]) -> bool:
        if path in self._ways:
            return True
        return any(path[:length] in self._ends for length in range(1, len(path)))


_routes: list[Routes] = []


@contextlib.contextmanager
def along(ends: Iterable[tuple[str | int, ...]] | None) -> Iterator[None]:
    """Leave out what cannot give a match at, below or around these values; None walks everywhere.

    What an ``if`` or an ``anyOf`` asks about a value next to them is still looked at: only where errors
    are gathered, which carry the path of the place where they arose, a place is left out.
    """
    if ends is None:
        yield
        return
    _routes.append(Routes(ends))
    try:
        yield
    finally:
        _routes.pop()


def descend_of(cls: Any) -> Callable[..., Any]:
    """A ``descend`` for a validator class that goes along the routes that are wanted."""
    slow = cls.descend

    def descend(
        self: Any,
        instance: Any,
        schema: Any,
        path: str | int | None = None,
        schema_path: str | int | None = None,
        property_path: str | None = None,
    ) -> Any:
        # cfn-lint takes its keyword away wherever it weighs a value instead of gathering errors.
        gathers = _routes and self.function_filter.add_cfn_lint_keyword
        if gathers and path is not None and not _routes[-1].lead((*self.context.path.path, path)):
            return iter(())
        return slow(self, instance, schema, path, schema_path, property_path)

    return descend
