"""What CloudFormation refuses before it asks a resource's service: property names that a type has not, and
properties that it must have (user guide, "Troubleshooting CloudFormation": the provider's schema decides)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from stackproof import schemas


def fault(logical_id: str, resource_type: str, properties: Mapping[str, Any], covers: Collection[str]) -> str:
    """CloudFormation's words for what is wrong with the names of the properties, "" for nothing.

    Names in ``covers`` are known to be properties whatever the schema says.
    """
    schema = schemas.schema(resource_type)
    if schema is None or schema.get("additionalProperties") is not False:
        return ""
    known = schema.get("properties", {})
    found = [
        f"#: extraneous key [{name}] is not permitted"
        for name in properties
        if name not in known and name not in covers
    ]
    found += [
        f"#: required key [{name}] not found"
        for name in schema.get("required", ())
        if properties.get(name) is None and name in known
    ]
    if not found:
        return ""
    return f"Properties validation failed for resource {logical_id} with message: [{', '.join(found)}]"
