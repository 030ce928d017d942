"""What a network is read from: resolved templates or deployed stacks, and how their values name resources.

A value of a resolved template is known, or an ``Unknown`` with the function that makes it; ``Namer`` follows
these functions (also through SSM parameters and exports of the other parts) to the ids of resources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from stackproof.model import DocPath, Location
from stackproof.template.model import ABSENT, Choice, Resolved, Unknown
from stackproof.template.unknowns import text_of

_PLACE = re.compile(r"\$\{([^!}][^}]*)\}")
_ID = re.compile(r"[a-z]+-[0-9a-f]{8,17}|arn:.+")
_DEPTH = 12


class Deployed(Protocol):
    """A resource of a deployed stack."""

    @property
    def type(self) -> str:
        """Its type."""
        ...

    @property
    def physical_id(self) -> str:
        """What ``Ref`` returns."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What ``GetAtt`` returns."""
        ...

    @property
    def properties(self) -> Mapping[str, Any]:
        """The properties that it was deployed with."""
        ...

    @property
    def location(self) -> Location:
        """Where it is written."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """A resource of a part: ``id`` is its logical id with the part's name in front."""

    id: str
    type: str
    properties: Mapping[str, Any]
    locate: Callable[[DocPath], Location]

    def at(self, *path: str | int) -> Location:
        """Where a property is written."""
        return self.locate(path)


@dataclass(frozen=True, slots=True)
class Part:
    """One template or stack. ``name`` stands in front of its ids (``name/Logical``); "" for none.

    ``stored`` maps parameters that are read from the parameter store to the name that is read; ``exports``
    maps names to values; ``physical`` maps physical ids and attributes to this part's tokens.
    """

    name: str
    items: tuple[Item, ...]
    stored: Mapping[str, str] = field(default_factory=dict)
    exports: Mapping[str, Any] = field(default_factory=dict)
    physical: Mapping[str, str] = field(default_factory=dict)

    def id(self, logical_id: str) -> str:
        """The id of one of its resources."""
        return f"{self.name}/{logical_id}" if self.name else logical_id


def part_of(resolved: Resolved, name: str = "") -> Part:
    """A resolved template. Resources whose condition is unknown are taken as if they were there."""
    prefix = f"{name}/" if name else ""
    items = []
    for logical_id, body in (resolved.tree.get("Resources") or {}).items():
        if isinstance(body, dict) and isinstance(body.get("Type"), str):
            properties = body.get("Properties")
            items.append(
                Item(
                    f"{prefix}{logical_id}",
                    body["Type"],
                    properties if isinstance(properties, dict) else {},
                    _under(resolved, str(logical_id)),
                )
            )
    return Part(name, tuple(items), _stored(resolved), resolved.exports)


def part_of_deployed(
    resources: Mapping[str, Deployed], name: str = "", exports: Mapping[str, Any] | None = None
) -> Part:
    """A deployed stack: its resources by logical id."""
    prefix = f"{name}/" if name else ""
    items, physical = [], {}
    for logical_id, one in resources.items():
        items.append(Item(f"{prefix}{logical_id}", one.type, one.properties, _always(one.location)))
        physical[one.physical_id] = f"{prefix}{logical_id}"
        for attribute, value in one.attributes.items():
            if isinstance(value, str) and _ID.fullmatch(value):
                token = f"{prefix}{logical_id}.{attribute}"
                physical.setdefault(value, _plain(token, one.type))
    return Part(name, tuple(items), {}, exports or {}, physical)


class Namer:
    """Follows values to tokens: the id of a resource (``Vpc``), an attribute (``Vpc.DefaultNetworkAcl``)."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._types = {item.id: item.type for part in parts for item in part.items}
        self._store: dict[str, tuple[Part, Any]] = {}
        self._exports: dict[str, tuple[Part, Any]] = {}
        self._blocks = {
            item.id: (part, item.properties["CidrBlock"])
            for part in parts
            for item in part.items
            if "CidrBlock" in item.properties
        }
        self._physical: dict[str, str] = {}
        for part in parts:
            self._physical.update(part.physical)
            self._exports.update({name: (part, value) for name, value in part.exports.items()})
            for item in part.items:
                if item.type == "AWS::SSM::Parameter" and isinstance(item.properties.get("Name"), str):
                    self._store[str(item.properties["Name"])] = (part, item.properties.get("Value", ""))

    def known(self, token: str) -> bool:
        """Whether a resource of the parts has this id."""
        return token in self._types

    def text(self, part: Part, value: Any) -> str:
        """The token or text of a value; ``?…`` when nobody can know it, the same for the same unknown."""
        found = self._value(part, value, 0)
        if isinstance(found, list):
            return str(found[0]) if len(found) == 1 else f"?{json.dumps(found)}"
        return str(found)

    def texts(self, part: Part, value: Any) -> list[str]:
        """The tokens of a list (or of a text with commas); one ``?…`` when the list is unknown."""
        if value is None or value is ABSENT:
            return []
        found = self._value(part, value, 0)
        if isinstance(found, list):
            return [str(one) for one in found]
        return [one.strip() for one in str(found).split(",")] if not str(found).startswith("?") else [found]

    def _value(self, part: Part, value: Any, depth: int) -> Any:
        if isinstance(value, list):
            return [self._value(part, one, depth) for one in value if one is not ABSENT]
        if isinstance(value, Choice):
            return f"?condition {value.condition}"
        if isinstance(value, Unknown):
            return self._function(part, value.expression, depth + 1)
        if isinstance(value, dict) and len(value) == 1:
            return self._function(part, value, depth + 1)
        return self._physical.get(text_of(value), text_of(value))

    def _function(self, part: Part, expression: Any, depth: int) -> Any:
        if depth > _DEPTH or not isinstance(expression, dict) or len(expression) != 1:
            return _opaque(part, expression)
        name, argument = next(iter(expression.items()))
        follow = _FUNCTIONS.get(name)
        return follow(self, part, argument, depth) if follow else _opaque(part, expression)

    def _reference(self, part: Part, argument: Any, depth: int) -> Any:
        if not isinstance(argument, str):
            return _opaque(part, {"Ref": argument})
        if argument in part.stored and part.stored[argument] in self._store:
            owner, value = self._store[part.stored[argument]]
            found = self._value(owner, value, depth + 1)
            return found.split(",") if isinstance(found, str) and "," in found else found
        token = part.id(argument)
        return token if token in self._types else _opaque(part, {"Ref": argument})

    def _attribute(self, part: Part, argument: Any, depth: int) -> Any:
        pieces = argument.split(".", 1) if isinstance(argument, str) else argument
        if not (
            isinstance(pieces, list) and len(pieces) == 2 and all(isinstance(one, str) for one in pieces)
        ):
            return _opaque(part, {"Fn::GetAtt": argument})
        token = part.id(pieces[0])
        if pieces[1] == "CidrBlock" and token in self._blocks:
            owner, value = self._blocks[token]
            return self._value(owner, value, depth + 1)
        return _plain(f"{token}.{pieces[1]}", self._types.get(token, ""))

    def _selection(self, part: Part, argument: Any, depth: int) -> Any:
        if isinstance(argument, list) and len(argument) == 2:
            among = self._value(part, argument[1], depth + 1)
            among = among.split(",") if isinstance(among, str) and not among.startswith("?") else among
            index = text_of(argument[0])
            if isinstance(among, list) and index.isdigit() and int(index) < len(among):
                return among[int(index)]
        return _opaque(part, {"Fn::Select": argument})

    def _substitution(self, part: Part, argument: Any, depth: int) -> Any:
        if not isinstance(argument, str):
            return _opaque(part, {"Fn::Sub": argument})

        def filled(match: re.Match[str]) -> str:
            name = match[1]
            if "." in name:
                return str(self._attribute(part, name, depth + 1))
            return str(self._reference(part, name, depth + 1))

        text = _PLACE.sub(filled, argument)
        return text if "?" not in text else _opaque(part, {"Fn::Sub": argument})

    def _joint(self, part: Part, argument: Any, depth: int) -> Any:
        if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
            pieces = self._value(part, argument[1], depth + 1)
            if isinstance(pieces, list) and not any(str(one).startswith("?") for one in pieces):
                return argument[0].join(str(one) for one in pieces)
        return _opaque(part, {"Fn::Join": argument})

    def _splitting(self, part: Part, argument: Any, depth: int) -> Any:
        if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
            whole = self._value(part, argument[1], depth + 1)
            if isinstance(whole, list):
                return whole
            if isinstance(whole, str) and not whole.startswith("?"):
                return whole.split(argument[0])
        return _opaque(part, {"Fn::Split": argument})

    def _importation(self, part: Part, argument: Any, depth: int) -> Any:
        name = text_of(argument)
        if name in self._exports:
            owner, value = self._exports[name]
            return self._value(owner, value, depth + 1)
        return _opaque(part, {"Fn::ImportValue": argument})


_FUNCTIONS: dict[str, Callable[[Namer, Part, Any, int], Any]] = {
    "Ref": Namer._reference,
    "Fn::GetAtt": Namer._attribute,
    "Fn::Select": Namer._selection,
    "Fn::Sub": Namer._substitution,
    "Fn::Join": Namer._joint,
    "Fn::Split": Namer._splitting,
    "Fn::ImportValue": Namer._importation,
}

_IDENTITY = {
    "AWS::EC2::SecurityGroup": ("GroupId", "Id"),
    "AWS::EC2::VPC": ("VpcId",),
    "AWS::EC2::Subnet": ("SubnetId",),
    "AWS::EC2::RouteTable": ("RouteTableId",),
    "AWS::EC2::NetworkAcl": ("Id",),
    "AWS::EC2::InternetGateway": ("InternetGatewayId",),
    "AWS::EC2::NatGateway": ("NatGatewayId",),
    "AWS::EC2::VPCPeeringConnection": ("Id",),
    "AWS::EC2::PrefixList": ("PrefixListId",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateId",),
    "AWS::EC2::Instance": ("InstanceId",),
    "AWS::EC2::NetworkInterface": ("Id",),
    "AWS::EC2::EIP": ("AllocationId",),
}
"""Attributes that are the resource's own id."""


def _plain(token: str, kind: str) -> str:
    owner, _, attribute = token.rpartition(".")
    return owner if attribute in _IDENTITY.get(kind, ()) else token


def _opaque(part: Part, expression: Any) -> str:
    return f"?{part.name}{json.dumps(expression, sort_keys=True, default=str)}"


def _under(resolved: Resolved, logical_id: str) -> Callable[[DocPath], Location]:
    return lambda path: resolved.locate(("Resources", logical_id, *(("Properties", *path) if path else ())))


def _always(location: Location) -> Callable[[DocPath], Location]:
    return lambda path: location


def _stored(resolved: Resolved) -> dict[str, str]:
    """Parameters of a type ``AWS::SSM::Parameter::Value<…>`` with the name that they read."""
    found = {}
    for name, declared in (resolved.tree.get("Parameters") or {}).items():
        if isinstance(declared, dict) and str(declared.get("Type", "")).startswith(
            "AWS::SSM::Parameter::Value"
        ):
            given = resolved.configuration.parameters.get(name)
            key = given.value if given is not None else declared.get("Default")
            if isinstance(key, str):
                found[str(name)] = key
    return found
