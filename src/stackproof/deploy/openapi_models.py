"""What a definition says of request bodies: schemas without references, and the validators of methods.

Source: developer guide of API Gateway, "x-amazon-apigateway-request-validator property" and
"x-amazon-apigateway-request-validators object".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VALIDATOR = "x-amazon-apigateway-request-validator"
VALIDATORS = "x-amazon-apigateway-request-validators"


def validators(body: Mapping[str, Any]) -> Mapping[str, Mapping[str, bool]]:
    """The validators by name."""
    found = body.get(VALIDATORS)
    return found if isinstance(found, Mapping) else {}


def validator(body: Mapping[str, Any], definition: Mapping[str, Any]) -> str:
    """The name of a method's validator, "" when it has none."""
    return str(definition.get(VALIDATOR) or body.get(VALIDATOR) or "")


def schemas(body: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The models of a method's body: content type to (name of the model or "", schema)."""
    found: dict[str, tuple[str, Any]] = {}
    request = _looked_up(body, definition.get("requestBody"))
    content = request.get("content") if isinstance(request, Mapping) else None
    for kind, one in content.items() if isinstance(content, Mapping) else ():
        if isinstance(one, Mapping) and isinstance(one.get("schema"), Mapping):
            found[str(kind)] = _named(body, one["schema"])
    for parameter in definition.get("parameters") or ():
        if isinstance(parameter, Mapping) and parameter.get("in") == "body":
            schema = parameter.get("schema")
            if isinstance(schema, Mapping):
                found["application/json"] = _named(body, schema)
    return found


def _named(body: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, Any]:
    reference = schema.get("$ref")
    name = str(reference).rpartition("/")[2] if isinstance(reference, str) else ""
    return name, resolved(body, schema)


def resolved(body: Mapping[str, Any], schema: Any, inside: tuple[str, ...] = ()) -> Any:
    """A schema with what it refers to in its place; a reference into itself allows anything."""
    if isinstance(schema, list):
        return [resolved(body, one, inside) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in inside:
            return {}
        return resolved(body, _looked_up(body, schema), (*inside, reference))
    return {key: resolved(body, one, inside) for key, one in schema.items()}


def _looked_up(body: Mapping[str, Any], value: Any) -> Any:
    """What a local reference (``#/…``) names; anything else as it is."""
    reference = value.get("$ref") if isinstance(value, Mapping) else None
    if not isinstance(reference, str):
        return value
    found: Any = body if reference.startswith("#/") else {}
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found
