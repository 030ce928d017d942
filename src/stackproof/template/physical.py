"""Names, ids and ARNs of resources as far as they can be known before deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stackproof import schemas
from stackproof.template.model import ABSENT, Choice, Configuration, Unknown
from stackproof.template.physical_table import PHYSICAL, SHAPES, Physical
from stackproof.template.unknowns import concat, lift

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_GENERATED_NAME = "[A-Za-z0-9._-]+"
_ARN = r"arn:(?:aws|aws-cn|aws-us-gov):[a-z0-9-]+:[a-z0-9-]*:(?:[0-9]{12}|aws)?:.+"
_IDENTITY = re.compile(r"(?:Arn|ARN|Ids?|Name|Ur[li]|URL|Address|Endpoint|Dns|DNS|Key)$")
_GENERATED = "is chosen by AWS while it deploys"

PSEUDO = frozenset(
    {
        "AWS::Region",
        "AWS::AccountId",
        "AWS::Partition",
        "AWS::URLSuffix",
        "AWS::StackName",
        "AWS::StackId",
        "AWS::NotificationARNs",
        "AWS::NoValue",
    }
)


def partition_of(region: str) -> str:
    """The partition that a region lies in."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _known_or(name: str, known: str, pattern: str, values: tuple[str, ...] = ()) -> str | Unknown:
    if known:
        return known
    return Unknown({"Ref": name}, "no configuration says it", "string", pattern, values, sources=(name,))


def pseudo(name: str, configuration: Configuration) -> Any:
    """The value of a pseudo parameter; ``ABSENT`` for ``AWS::NoValue``."""
    partition = configuration.partition or (
        partition_of(configuration.region) if configuration.region else ""
    )
    match name:
        case "AWS::NoValue":
            return ABSENT
        case "AWS::Region":
            return _known_or(name, configuration.region, "[a-z]{2}(?:-[a-z]+)+-[0-9]")
        case "AWS::AccountId":
            return _known_or(name, configuration.account, "[0-9]{12}")
        case "AWS::Partition":
            return _known_or(name, partition, "", PARTITIONS)
        case "AWS::URLSuffix":
            known = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
            return _known_or(name, known if partition else "", "", ("amazonaws.com", "amazonaws.com.cn"))
        case "AWS::StackName":
            return _known_or(name, configuration.stack_name, "[A-Za-z][A-Za-z0-9-]{0,127}")
        case "AWS::StackId":
            shape = Physical(
                "arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/{id}", id="[0-9a-f-]{36}"
            )
            return _fill(shape.ref, {"Ref": name}, configuration, shape, {}, name)
        case _:
            reason = "is given when the stack is created"
            return Unknown({"Ref": name}, reason, "list", _ARN, may_be_empty=True, sources=(name,))


def reference(
    logical_id: str, resource_type: str, properties: Mapping[str, Any], configuration: Configuration
) -> Any:
    """``Ref`` of a resource. ``properties`` are the resolved ones (only the naming ones are read)."""
    expression = {"Ref": logical_id}
    shape = PHYSICAL.get(resource_type)
    if shape is None:
        shape = _from_schema(resource_type)
    if shape is None:
        own = schemas.schema(resource_type) is None
        return Unknown(expression, _GENERATED, "string", generated=not own, sources=(logical_id,))
    return _fill(shape.ref, expression, configuration, shape, properties, logical_id)


def attribute(
    logical_id: str,
    resource_type: str,
    name: str,
    properties: Mapping[str, Any],
    configuration: Configuration,
) -> Any:
    """``Fn::GetAtt`` of a resource: known, or with the narrowest pattern that is certain."""
    expression = {"Fn::GetAtt": [logical_id, name]}
    shape = PHYSICAL.get(resource_type)
    if shape is not None and name in shape.attributes:
        return _fill(shape.attributes[name], expression, configuration, shape, properties, logical_id)
    return described(expression, resource_type, name, logical_id)


def described(expression: Any, resource_type: str, name: str, logical_id: str) -> Unknown:
    """An attribute of which only the provider schema says something.

    It counts as generated only when its name says that it identifies something: a port or a status, and
    whatever a custom resource answers, may well be equal to a literal.
    """
    found = schemas.attribute(resource_type, name)
    kind = schemas.kind(found)
    chosen = kind == "string" and bool(_IDENTITY.search(name))
    empty = found is None or kind == "list"
    source = (f"{logical_id}.{name}",)
    unknown = Unknown(expression, _GENERATED, kind, generated=chosen, may_be_empty=empty, sources=source)
    enum = (found or {}).get("enum")
    if isinstance(enum, list) and enum:
        return replace(unknown, values=tuple(enum))
    if kind in {"string", "any"} and name.rsplit(".", 1)[-1].lower().endswith("arn") and found is not None:
        return replace(unknown, pattern=_ARN)
    return unknown


def naming(resource_type: str) -> tuple[str, ...]:
    """The properties that ``reference`` and ``attribute`` read for a type."""
    shape = PHYSICAL.get(resource_type) or _from_schema(resource_type)
    return (shape.name, "Path", "FifoQueue", "FifoTopic") if shape and shape.name else ()


def _from_schema(resource_type: str) -> Physical | None:
    """A type outside the table: its ``Ref`` is the primary identifier when that is one property."""
    identifier = schemas.primary_identifier(resource_type)
    if len(identifier) != 1 or "." in identifier[0]:
        return None
    if identifier[0] in schemas.read_only(resource_type):
        return None
    return Physical("{name}", identifier[0])


def _fill(
    text: str,
    expression: Any,
    configuration: Configuration,
    shape: Physical,
    properties: Mapping[str, Any],
    source: str,
) -> Any:
    parts: list[Any] = []
    for position, piece in enumerate(_PLACEHOLDER.split(text)):
        if position % 2:
            parts.append(_part(piece, expression, configuration, shape, properties, source))
        elif piece:
            parts.append(piece)
    return lift(parts, lambda found: _finish(found, expression), expression)


def _finish(parts: list[Any], expression: Any) -> Any:
    """The joined text; an unknown has the reference as its expression, not that of its parts."""
    value = concat(parts, expression)
    return replace(value, expression=expression) if isinstance(value, Unknown) else value


def _part(
    piece: str,
    expression: Any,
    configuration: Configuration,
    shape: Physical,
    properties: Mapping[str, Any],
    source: str,
) -> Any:
    names = {
        "partition": "AWS::Partition",
        "region": "AWS::Region",
        "account": "AWS::AccountId",
        "suffix": "AWS::URLSuffix",
        "stack": "AWS::StackName",
    }
    if piece in names:
        return pseudo(names[piece], configuration)
    if piece == "name":
        return _name(expression, shape, properties, source)
    if piece == "path":
        path = properties.get("Path", "/")
        return path if isinstance(path, str | Unknown | Choice) else "/"
    pattern = shape.id if piece == "id" else SHAPES[piece]
    return Unknown(expression, _GENERATED, "string", pattern, generated=True, sources=(source,))


def _name(expression: Any, shape: Physical, properties: Mapping[str, Any], source: str) -> Any:
    given = properties.get(shape.name) if shape.name else None
    if isinstance(given, str | int) and not isinstance(given, bool) and given != "":
        return str(given).lower() if shape.lower else str(given)
    generated = Unknown(expression, _GENERATED, "string", _GENERATED_NAME, generated=True, sources=(source,))
    if isinstance(given, Unknown):
        # A service that folds case makes the pattern of what was given wrong for the result.
        return replace(given, pattern="", values=()) if shape.lower else given
    if isinstance(given, Choice):
        return lift(
            [given],
            lambda found: _name(expression, shape, {shape.name: found[0]} if found else {}, source),
            expression,
        )
    return generated
