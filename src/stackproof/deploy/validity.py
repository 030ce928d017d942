"""What CloudFormation refuses before it asks a resource's service: property names that a type has not,
properties that it must have, and values that are none of those listed, at any depth (user guide,
"Troubleshooting CloudFormation": the provider's schema decides). Where a schema leaves a choice between
several forms, a name that one of them has is good.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from stackproof import schemas

_CHOICES = ("oneOf", "anyOf", "allOf")
_JUDGED_LATER = frozenset({"#/Runtime"})
"""Values that the service judges by the date, in its own words."""


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
    for name, value in properties.items():
        if name in known:
            found += _inside(schema, known[name], value, f"#/{name}")
    if not found:
        return ""
    return f"Properties validation failed for resource {logical_id} with message: [{', '.join(found)}]"


def _inside(root: dict[str, Any], node: Any, value: Any, at: str) -> Iterator[str]:
    """What is wrong below a property. ``node`` is the schema of ``value``, ``at`` its JSON pointer."""
    node = schemas.follow(root, node)
    if not isinstance(node, dict) or _free(node):
        return
    if isinstance(value, str | int):
        if not _listed(node, value) and at not in _JUDGED_LATER:
            yield f"{at}: failed validation constraint for keyword [enum]"
        return
    forms = [*_forms(root, node)]
    if isinstance(value, list):
        items = next((form["items"] for form in forms if "items" in form), None)
        for index, one in enumerate(value):
            yield from _inside(root, items, one, f"{at}/{index}")
    if not isinstance(value, Mapping):
        return
    known: dict[str, Any] = {}
    for form in reversed(forms):
        known |= form.get("properties") or {}
    patterns = [pattern for form in forms for pattern in form.get("patternProperties") or ()]
    strange = [
        name for name in value if name not in known and not any(_matches(one, str(name)) for one in patterns)
    ]
    if _closed(node, forms):
        yield from (f"{at}: extraneous key [{name}] is not permitted" for name in strange)
    yield from (
        f"{at}: required key [{name}] not found"
        for name in node.get("required", ())
        if value.get(name) is None and name in known
    )
    for name, one in value.items():
        if name in known:
            yield from _inside(root, known[name], one, f"{at}/{name}")


def _listed(node: dict[str, Any], value: str | int) -> bool:
    """Whether a value is one of those that a schema lists, in any type, or the schema lists none."""
    listed, in_any_case = node.get("enum"), node.get("enumCaseInsensitive")
    if isinstance(value, bool):
        return True
    if isinstance(in_any_case, list):
        return str(value).casefold() in (str(one).casefold() for one in in_any_case)
    return not isinstance(listed, list) or str(value) in map(str, listed)


def _free(node: dict[str, Any]) -> bool:
    """Whether a schema takes any JSON, as text or decoded: cfn-lint knows more of some of those than AWS."""
    kinds = node.get("type")
    return isinstance(kinds, list) and {"object", "string"} <= set(kinds)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:  # written for another engine: nobody here can say
        return True


def _forms(root: dict[str, Any], node: dict[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    """A schema and those that it chooses from."""
    yield node
    for key in _CHOICES if depth < 4 else ():
        for one in node.get(key) or ():
            form = schemas.follow(root, one)
            if isinstance(form, dict):
                yield from _forms(root, form, depth + 1)


def _closed(node: dict[str, Any], forms: list[dict[str, Any]]) -> bool:
    """Whether other names than those of the forms are refused: by the schema, or by every choice of it."""
    if node.get("additionalProperties") is False:
        return True
    choices = [form for form in forms[1:] if "properties" in form]
    return (
        "properties" not in node
        and bool(choices)
        and all(form.get("additionalProperties") is False for form in choices)
    )
