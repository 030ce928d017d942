"""Resource provider schemas as cfn-lint ships them, read without importing cfn-lint.

``data/schemas/providers/<region>.json`` maps a resource type to a file of ``data/schemas/resources``.
Everything is read on first use and kept; a type that AWS does not have (``Custom::…``, a private
type) has no schema.
"""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

_HOME_REGION = "us-east-1"


@lru_cache(maxsize=1)
def folder() -> Path | None:
    """The folder of the schemas, None when cfn-lint is not installed."""
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        return None
    found = Path(spec.submodule_search_locations[0]) / "data" / "schemas"
    return found if found.is_dir() else None


@lru_cache(maxsize=64)
def types(region: str = _HOME_REGION) -> dict[str, str]:
    """Resource types of a region and the name of their schema; empty for an unknown region."""
    base = folder()
    file = base / "providers" / f"{region}.json" if base else None
    if file is None or not file.is_file():
        return {}
    data = json.loads(file.read_text(encoding="utf-8"))
    return data if isinstance(data, dict) else {}


@lru_cache(maxsize=4096)
def schema(resource_type: str, region: str = "") -> dict[str, Any] | None:
    """The schema of a resource type, None when there is none. Treat it as read-only.

    Without a region, or where the region lacks the type, it is the schema of us-east-1.
    """
    base = folder()
    name = types(region).get(resource_type) if region else None
    name = name or types().get(resource_type)
    if base is None or name is None:
        return None
    file = base / "resources" / f"{name.removesuffix('.json')}.json"
    if not file.is_file():
        return None
    data = json.loads(file.read_text(encoding="utf-8"))
    return data if isinstance(data, dict) else None


@lru_cache(maxsize=1)
def lambda_runtimes() -> dict[str, dict[str, str | None]]:
    """Lambda's runtimes with their dates (YYYY-MM-DD or None): ``deprecated``, ``create-block``,
    ``update-block``, and the ``successor``. Empty when cfn-lint is not installed."""
    base = folder()
    file = base.parent / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json" if base else None
    if file is None or not file.is_file():
        return {}
    data = json.loads(file.read_text(encoding="utf-8"))
    return data if isinstance(data, dict) else {}


def read_only(resource_type: str) -> frozenset[str]:
    """Paths that only the service sets, dotted (``Arn``, ``Endpoint.Address``)."""
    return _paths(resource_type, "readOnlyProperties")


def create_only(resource_type: str) -> frozenset[str]:
    """Paths whose change replaces the resource, dotted; list items are ``*``."""
    return _paths(resource_type, "createOnlyProperties")


def conditional_create_only(resource_type: str) -> frozenset[str]:
    """Paths whose change may replace the resource, dotted."""
    return _paths(resource_type, "conditionalCreateOnlyProperties")


def primary_identifier(resource_type: str) -> tuple[str, ...]:
    """The properties that identify a resource, dotted, in their order."""
    found = schema(resource_type) or {}
    return tuple(_dotted(item) for item in found.get("primaryIdentifier", ()) if isinstance(item, str))


@lru_cache(maxsize=4096)
def attribute(resource_type: str, name: str) -> dict[str, Any] | None:
    """The schema of the property or attribute at a dotted path with its ``$ref`` resolved.

    None when the type has no schema or no such path.
    """
    root = schema(resource_type)
    if root is None:
        return None
    current: Any = root
    for part in name.split("."):
        current = follow(root, current)
        properties = current.get("properties") if isinstance(current, dict) else None
        current = properties.get(part) if isinstance(properties, dict) else None
        if current is None:
            return None
    found = follow(root, current)
    return found if isinstance(found, dict) else None


def kind(found: dict[str, Any] | None) -> str:
    """``string``, ``number``, ``boolean``, ``list`` or ``any`` for an attribute's schema."""
    declared = (found or {}).get("type")
    table = {
        "string": "string",
        "integer": "number",
        "number": "number",
        "boolean": "boolean",
        "array": "list",
    }
    return table.get(declared, "any") if isinstance(declared, str) else "any"


@lru_cache(maxsize=4096)
def _paths(resource_type: str, key: str) -> frozenset[str]:
    found = schema(resource_type) or {}
    return frozenset(_dotted(item) for item in found.get(key, ()) if isinstance(item, str))


def _dotted(pointer: str) -> str:
    return pointer.removeprefix("/properties/").replace("/properties/", ".").replace("/", ".")


def follow(root: dict[str, Any], node: Any) -> Any:
    """A node of a schema with its ``$ref`` resolved; None when it leads nowhere."""
    for _ in range(16):
        reference = node.get("$ref") if isinstance(node, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return node
        node = root
        for part in reference[2:].split("/"):
            node = node.get(part) if isinstance(node, dict) else None
    return node
