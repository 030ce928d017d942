"""The value of each parameter under a configuration: given, default, or unknown.

Types: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from stackproof.model import DocPath, Location, Outcome, Related, Severity
from stackproof.template.constraints import Declaration, check_value, declaration
from stackproof.template.exports import foreign
from stackproof.template.model import Choice, Unknown
from stackproof.template.resolve_scope import Scope
from stackproof.template.unknowns import contains_unknown, text_of

_HEX = "[0-9a-f]{8}(?:[0-9a-f]{9})?"
TYPE_PATTERNS = {
    "AWS::EC2::VPC::Id": f"vpc-{_HEX}",
    "AWS::EC2::Subnet::Id": f"subnet-{_HEX}",
    "AWS::EC2::SecurityGroup::Id": f"sg-{_HEX}",
    "AWS::EC2::Instance::Id": f"i-{_HEX}",
    "AWS::EC2::Image::Id": f"ami-{_HEX}",
    "AWS::EC2::Volume::Id": f"vol-{_HEX}",
    "AWS::EC2::AvailabilityZone::Name": "[a-z]{2}(?:-[a-z0-9]+)+-[0-9][a-z]",
    "AWS::Route53::HostedZone::Id": "Z[A-Z0-9]+",
    "AWS::EC2::KeyPair::KeyName": ".+",
    "AWS::EC2::SecurityGroup::GroupName": ".+",
}
"""What a value of an AWS-specific type looks like; the deploy also asks whether it exists."""

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"


def settle(scope: Scope) -> None:
    """Decide every parameter of ``scope``; report values that a deploy would refuse."""
    given = scope.configuration.parameters
    for name, raw in scope.section("Parameters").items():
        if not isinstance(raw, dict):
            continue
        declared = declaration(name, raw)
        path: DocPath = ("Parameters", name)
        if name in given:
            value, place = given[name].value, given[name].location
            _origin(scope, declared, value, place)
            _settle(scope, declared, value, path, place, scope.expanded.locate(path))
        elif declared.has_default:
            place = scope.expanded.locate((*path, "Default"))
            scope.origins[f"parameter:{name}"] = Related(place, f"default of parameter {name}")
            _settle(scope, declared, declared.default, (*path, "Default"), place, None)
        else:
            _missing(scope, declared, path)


def _origin(scope: Scope, declared: Declaration, value: Any, place: Location) -> None:
    shown = "…" if declared.no_echo or contains_unknown(value) else repr(text_of(value))
    scope.origins[f"parameter:{declared.name}"] = Related(place, f"parameter {declared.name} = {shown}")


def _missing(scope: Scope, declared: Declaration, path: DocPath) -> None:
    configuration = scope.configuration
    if (configuration.environment or configuration.files) and not scope.parents:
        known = sorted({item.location.file for item in configuration.parameters.values()})
        scope.report(
            "SP-PARAM-MISSING",
            f"parameter '{declared.name}' has no default and the configuration gives it no value: "
            "the deploy is refused",
            path,
            related=[Related(Location(file), "the configuration") for file in known],
            fix=f"give '{declared.name}' a value in the configuration, or a Default in the template",
        )
    scope.values[declared.name] = unknown_parameter(declared, "no configuration gives it a value")


def _settle(
    scope: Scope,
    declared: Declaration,
    value: Any,
    path: DocPath,
    place: Location,
    declared_at: Location | None,
) -> None:
    related = [Related(declared_at, f"parameter {declared.name} is declared here")] if declared_at else []
    # What a parent hands down is held against the declaration where the parent is judged.
    for fault in () if scope.parents else check_value(declared, value):
        outcome, severity = (
            (Outcome.UNDECIDED, Severity.WARNING) if fault.undecided else (Outcome.FAIL, Severity.ERROR)
        )
        scope.report(
            fault.rule,
            fault.message,
            path,
            location=place,
            related=related,
            fix=fault.fix,
            outcome=outcome,
            severity=severity,
        )
    if declared.from_store:
        reason = f"is read from the parameter store ({text_of(value)}) while it deploys"
        scope.values[declared.name] = unknown_parameter(declared, reason)
        return
    typed = convert(declared, value)
    if declared.no_echo and typed != "" and not contains_unknown(typed):
        scope.secret[declared.name] = typed
        hidden = replace(unknown_parameter(declared, "is a secret (NoEcho)"), may_be_empty=False)
        scope.values[declared.name] = replace(hidden, values=())
        return
    scope.values[declared.name] = typed


def convert(declared: Declaration, value: Any) -> Any:
    """A value as ``Ref`` returns it: numbers of a Number parameter, the items of a list parameter.

    A number whose text is not how JSON writes it (``007``, ``1.50``) stays text: Sub and Join must see it.
    """
    if isinstance(value, Unknown):
        return _as_parameter(declared, value)
    if isinstance(value, Choice):
        return convert(declared, foreign(value, {"Ref": declared.name}, declared.name))
    if declared.is_list:
        items = value if isinstance(value, list) else split_list(text_of(value))
        return [_scalar(declared, item) for item in items]
    if isinstance(value, list):
        if contains_unknown(value):
            return Unknown({"Ref": declared.name}, "holds a list of unknowns", "string")
        value = ",".join(text_of(item) for item in value)
    return _scalar(declared, value)


def split_list(text: str) -> list[str]:
    """A comma-delimited list; CloudFormation strips blanks around each item."""
    return [item.strip() for item in text.split(",")]


def _scalar(declared: Declaration, value: Any) -> Any:
    if isinstance(value, Unknown | Choice):
        return value
    text = text_of(value)
    if declared.item_type != "Number":
        return text
    for number in (int, float):
        try:
            if str(number(text)) == text:
                return number(text)
        except ValueError:
            continue
    return text


def _as_parameter(declared: Declaration, value: Unknown) -> Unknown:
    """An unknown that a parent stack hands over, with what the child's declaration adds."""
    own = unknown_parameter(declared, value.reason)
    if (value.kind == "list") != declared.is_list:
        # Text that becomes a list, or a list where text is wanted: what is known of one is not of the other.
        return replace(own, generated=value.generated, sources=(declared.name, *value.sources))
    return replace(
        own,
        pattern=value.pattern or own.pattern,
        values=value.values or own.values,
        generated=value.generated,
        may_be_empty=value.may_be_empty and own.may_be_empty,
        sources=(declared.name, *value.sources),
    )


def unknown_parameter(declared: Declaration, reason: str) -> Unknown:
    """A parameter without a value; its declaration says what it can be."""
    kind = "list" if declared.is_list else "number" if declared.item_type == "Number" else "string"
    values: tuple[Any, ...] = ()
    pattern = TYPE_PATTERNS.get(declared.item_type, "")
    if declared.item_type == "Number":
        pattern = _NUMBER
    if not declared.from_store:
        values = tuple(_scalar(declared, item) for item in declared.allowed_values)
        pattern = portable(declared.pattern) or pattern
    return Unknown(
        expression={"Ref": declared.name},
        reason=f"parameter {declared.name} {reason}" if not reason.startswith("parameter") else reason,
        kind=kind,
        pattern=pattern,
        values=values,
        may_be_empty=_may_be_empty(declared, values, pattern),
        sources=(declared.name,),
    )


def _may_be_empty(declared: Declaration, values: tuple[Any, ...], pattern: str) -> bool:
    if declared.from_store or declared.item_type == "Number" or declared.item_type in TYPE_PATTERNS:
        return False
    if values:
        return any(text_of(item) == "" for item in values)
    if declared.min_length:
        return False
    return not pattern or re.fullmatch(pattern, "", re.DOTALL) is not None


def portable(pattern: str) -> str:
    """A pattern that Python's ``re`` reads, without the anchors that a full match makes superfluous.

    "" when only Java reads it: then nothing is claimed.
    """
    found = pattern.removeprefix("^")
    if found.endswith("$") and not found.endswith("\\$"):
        found = found[:-1]
    if "|" in found:
        found = pattern
    try:
        re.compile(found)
    except (re.error, OverflowError, RecursionError):
        return ""
    return found
