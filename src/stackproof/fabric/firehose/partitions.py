"""Partition keys of records: by the transform function, or by a query over JSON.

Of the query language (JQ) only objects of plain paths are emulated: ``{customer: .customer.id, day: .day}``.
Source: Firehose developer guide, "Partition streaming data in Amazon Data Firehose".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stackproof.fabric.firehose import errors

_PAIR = re.compile(r"""\s*"?([A-Za-z_]\w*)"?\s*:\s*((?:\.[A-Za-z_]\w*|\["[^"]+"\])+)\s*""")
_STEP = re.compile(r'\.([A-Za-z_]\w*)|\["([^"]+)"\]')


def check_query(parameters: Mapping[str, str]) -> None:
    """Raise for a query that is not emulated."""
    engine = parameters.get("JsonParsingEngine", "JQ-1.6")
    if engine != "JQ-1.6":
        raise errors.invalid(f"The engine {engine} is not known.")
    _pairs(parameters.get("MetadataExtractionQuery", ""))


def _pairs(query: str) -> dict[str, list[str]]:
    text = query.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise errors.not_emulated(f"the query {query!r} is (only objects of plain paths are)")
    found: dict[str, list[str]] = {}
    for part in text[1:-1].split(","):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise errors.not_emulated(f"the query {query!r} is (only objects of plain paths are)")
        found[match[1]] = [one or other for one, other in _STEP.findall(match[2])]
    return found


def by_query(parameters: Mapping[str, str], data: bytes) -> dict[str, str] | None:
    """The keys of a record; None when it is no JSON or one of them is not there."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    found: dict[str, str] = {}
    for name, path in _pairs(parameters["MetadataExtractionQuery"]).items():
        node: Any = document
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        if node is None or isinstance(node, dict | list) or node == "":
            return None
        found[name] = node if isinstance(node, str) else json.dumps(node)
    return found
