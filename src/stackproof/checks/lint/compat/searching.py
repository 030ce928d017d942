"""Searching a schema once, and not printing templates for log lines that nobody reads."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import cfnlint.schema.resolver._resolver as resolver_module
import cfnlint.template.transforms.transform as transform_module

from stackproof.checks.lint.compat.patching import replace

_SCHEMAS_KEPT = 512


class _Subschemas:
    """Which parts of a schema carry an id. Schemas do not change while templates are judged."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Any, dict[str, list[Any]]]] = OrderedDict()

    def of(self, schema: Any) -> dict[str, list[Any]]:
        """The parts by keyword, in the order of a search breadth first."""
        known = self._kept.get(id(schema))
        if known is None:
            # The schema is kept with its answer, so no other object can have its identity.
            self._kept[id(schema)] = known = (schema, _search(schema))
            if len(self._kept) > _SCHEMAS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(id(schema))
        return known[1]


def _search(schema: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {key: [] for key in resolver_module._SUBSCHEMAS_KEYWORDS}
    values: deque[Any] = deque([schema])
    while values:
        value = values.pop()
        if isinstance(value, dict):
            for key, parts in found.items():
                if key in value:
                    parts.append(value)
            values.extendleft(value.values())
    return found


def resolver() -> None:
    """Search a schema for ids once, not for each ``$ref`` in it."""
    subschemas = _Subschemas()
    slow = resolver_module._match_keyword

    def search_schema(schema: Any, matcher: Any) -> Iterator[Any]:
        found = subschemas.of(schema)
        if matcher is resolver_module._match_subschema_keywords:
            yield from ((keyword, part) for keyword, parts in found.items() for part in parts)
        else:
            yield from found[matcher.keyword]

    def match_keyword(keyword: str) -> Any:
        matcher = slow(keyword)
        matcher.keyword = keyword
        return matcher

    replace(resolver_module, "_match_keyword", match_keyword)
    replace(resolver_module, "_search_schema", search_schema)


def transform() -> None:
    """Do not print the whole template as JSON for a log line that nobody reads."""
    slow = transform_module.format_json_string

    def format_json_string(value: Any) -> str:
        return str(slow(value)) if transform_module.LOGGER.isEnabledFor(logging.INFO) else ""

    replace(transform_module, "format_json_string", format_json_string)


SHORTCUTS: dict[ModuleType, Callable[[], None]] = {
    resolver_module: resolver,
    transform_module: transform,
}
