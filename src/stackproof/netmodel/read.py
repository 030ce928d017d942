"""From the resources of templates to a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stackproof.model import Location
from stackproof.netmodel import placing
from stackproof.netmodel.flow import MESSAGES, PORTS, protocol_of
from stackproof.netmodel.model import (
    Acl,
    Entry,
    Group,
    Network,
    Peer,
    Peering,
    Route,
    Rule,
    Subnet,
    Table,
    Vpc,
)
from stackproof.netmodel.parts import Item, Namer, Part
from stackproof.template.model import Choice, Unknown

_RULE = {False: "AWS::EC2::SecurityGroupIngress", True: "AWS::EC2::SecurityGroupEgress"}
_EVERYWHERE = ((32767, "0.0.0.0/0"), (32768, "::/0"))
_ROUTES = (
    ("NatGatewayId", "nat"),
    ("VpcPeeringConnectionId", "peering"),
    ("EgressOnlyInternetGatewayId", "egress-only"),
    ("GatewayId", "internet"),
    ("VpcEndpointId", "endpoint"),
    ("TransitGatewayId", "transit gateway"),
    ("NetworkInterfaceId", "network interface"),
    ("InstanceId", "instance"),
    ("LocalGatewayId", "local gateway"),
    ("CarrierGatewayId", "carrier gateway"),
    ("CoreNetworkArn", "core network"),
)


def read(parts: Sequence[Part]) -> Network:
    """The network of all parts together: what one exports or stores, the next finds.

    Raises ``ValueError`` when two parts have a resource of the same id: give them names.
    """
    ids = [item.id for part in parts for item in part.items]
    for one in ids:
        if ids.count(one) > 1:
            raise ValueError(f"two templates have a resource '{one}': give them names")
    reader = _Reader(parts)
    reader.vpcs()
    reader.routing()
    reader.acls()
    reader.subnets()
    reader.groups()
    return replace(reader.network(), nodes=placing.nodes(parts, reader.namer, reader.network()))


class _Reader:
    def __init__(self, parts: Sequence[Part]) -> None:
        self.namer = Namer(parts)
        self._items = [(part, item) for part in parts for item in part.items]
        self._vpcs: dict[str, Vpc] = {}
        self._subnets: dict[str, Subnet] = {}
        self._groups: dict[str, Group] = {}
        self._acls: dict[str, Acl] = {}
        self._tables: dict[str, Table] = {}
        self._peerings: dict[str, Peering] = {}
        self._lists: dict[str, tuple[str, ...]] = {}
        self._attached: set[str] = set()
        self._acl_of: dict[str, str] = {}
        self._table_of: dict[str, str] = {}

    def network(self) -> Network:
        return Network(
            self._vpcs,
            self._subnets,
            self._groups,
            self._acls,
            self._tables,
            self._peerings,
            self._lists,
            frozenset(self._attached),
        )

    def _of(self, *types: str) -> list[tuple[Part, Item]]:
        return [(part, item) for part, item in self._items if item.type in types]

    def _text(self, part: Part, item: Item, name: str) -> str:
        value = item.properties.get(name)
        return "" if value is None else self.namer.text(part, value)

    def vpcs(self) -> None:
        more: dict[str, list[str]] = {}
        for part, item in self._of("AWS::EC2::VPCCidrBlock"):
            block = self._text(part, item, "CidrBlock") or self._text(part, item, "Ipv6CidrBlock")
            more.setdefault(self._text(part, item, "VpcId"), []).append(block)
        for part, item in self._of("AWS::EC2::VPC"):
            blocks = [self._text(part, item, "CidrBlock"), *more.get(item.id, ())]
            self._vpcs[item.id] = Vpc(item.id, tuple(one for one in blocks if one), item.at())
        for part, item in self._of("AWS::EC2::VPCPeeringConnection"):
            pair = (self._text(part, item, "VpcId"), self._text(part, item, "PeerVpcId"))
            self._peerings[item.id] = Peering(item.id, pair, item.at())
        for part, item in self._of("AWS::EC2::VPCGatewayAttachment"):
            self._attached.add(self._text(part, item, "InternetGatewayId"))
        for _, item in self._of("AWS::EC2::EgressOnlyInternetGateway"):
            self._attached.add(item.id)
        for part, item in self._of("AWS::EC2::PrefixList"):
            entries = item.properties.get("Entries") or []
            cidrs = [one.get("Cidr") for one in entries if isinstance(one, dict)]
            self._lists[item.id] = tuple(self.namer.text(part, one) for one in cidrs)

    def routing(self) -> None:
        routes: dict[str, list[Route]] = {}
        for part, item in self._of("AWS::EC2::Route"):
            routes.setdefault(self._text(part, item, "RouteTableId"), []).append(self._route(part, item))
        for _, item in self._of("AWS::EC2::RouteTable"):
            self._tables[item.id] = Table(item.id, tuple(routes.get(item.id, ())), item.at())
        for part, item in self._of("AWS::EC2::SubnetRouteTableAssociation"):
            self._table_of[self._text(part, item, "SubnetId")] = self._text(part, item, "RouteTableId")

    def _route(self, part: Part, item: Item) -> Route:
        names = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
        destination = next((found for name in names if (found := self._text(part, item, name))), "?")
        for name, kind in _ROUTES:
            if target := self._text(part, item, name):
                return Route(destination, kind, target, item.id, item.at())
        return Route(destination, "unknown target", "?", item.id, item.at())

    def acls(self) -> None:
        entries: dict[str, list[Entry]] = {}
        for part, item in self._of("AWS::EC2::NetworkAclEntry"):
            entries.setdefault(self._text(part, item, "NetworkAclId"), []).append(self._entry(part, item))
        for _, item in self._of("AWS::EC2::NetworkAcl"):
            self._acls[item.id] = _ordered(item.id, entries.get(item.id, []), item.at())
        for owner in self._vpcs.values():
            name = f"{owner.id}.DefaultNetworkAcl"
            base = [
                Entry(100, egress, "-1", True, cidr, (-1, -1), name, owner.location)
                for egress in (False, True)
                for cidr in ("0.0.0.0/0", "::/0")
            ]
            own = entries.get(name, [])
            replaced = {(one.number, one.egress) for one in own}
            kept = [one for one in base if (one.number, one.egress) not in replaced]
            self._acls[name] = _ordered(name, [*kept, *own], owner.location)
        for part, item in self._of("AWS::EC2::SubnetNetworkAclAssociation"):
            self._acl_of[self._text(part, item, "SubnetId")] = self._text(part, item, "NetworkAclId")

    def _entry(self, part: Part, item: Item) -> Entry:
        own = item.properties
        protocol = _protocol(own.get("Protocol"))
        given = own.get("PortRange") if protocol in PORTS else own.get("Icmp")
        keys = ("From", "To") if protocol in PORTS else ("Type", "Code")
        ports: tuple[int, int] | None = (-1, -1)
        if protocol in (*PORTS, *MESSAGES) and isinstance(given, dict):
            ports = _pair(given.get(keys[0]), given.get(keys[1]))
        action = own.get("RuleAction")
        return Entry(
            number=_number(own.get("RuleNumber")) or 0,
            egress=str(own.get("Egress", False)).lower() == "true",
            protocol=protocol,
            allow=str(action).lower() == "allow",
            cidr=self._text(part, item, "CidrBlock") or self._text(part, item, "Ipv6CidrBlock"),
            ports=ports,
            logical_id=item.id,
            location=item.at(),
        )

    def subnets(self) -> None:
        for part, item in self._of("AWS::EC2::Subnet"):
            vpc = self._text(part, item, "VpcId")
            launched = item.properties.get("MapPublicIpOnLaunch", False)
            self._subnets[item.id] = Subnet(
                id=item.id,
                vpc=vpc,
                cidr=self._text(part, item, "CidrBlock"),
                cidr6=self._text(part, item, "Ipv6CidrBlock"),
                acl=self._acl_of.get(item.id, f"{vpc}.DefaultNetworkAcl"),
                table=self._table_of.get(item.id, f"{vpc}.MainRouteTable"),
                public=flag(launched),
                location=item.at(),
            )
        for owner in self._vpcs.values():
            main = f"{owner.id}.MainRouteTable"
            self._tables.setdefault(main, Table(main, (), owner.location))

    def groups(self) -> None:
        apart: dict[str, list[Rule]] = {}
        for egress, kind in _RULE.items():
            for part, item in self._of(kind):
                group = self._text(part, item, "GroupId")
                apart.setdefault(group, []).append(self._rule(part, item, item.properties, egress, ()))
        for part, item in self._of("AWS::EC2::SecurityGroup"):
            rules = [*self._inline(part, item), *apart.get(item.id, ())]
            if not any(one.egress for one in rules):
                # EC2 lets everything out until a first egress rule is added; CloudFormation then takes this
                # default away, also when that rule is a resource of its own (AWS::EC2::SecurityGroup,
                # "if you do not add egress rules"; seen on AWS: github.com/aws/aws-cdk/issues/987).
                rules += [_default(item.id, cidr, item.at()) for _, cidr in _EVERYWHERE]
            vpc = self._text(part, item, "VpcId")
            self._groups[item.id] = Group(item.id, vpc, tuple(rules), item.at())
        for owner in self._vpcs.values():
            name = f"{owner.id}.DefaultSecurityGroup"
            itself = Rule(False, "-1", (-1, -1), Peer("group", name), name, owner.location)
            out = [_default(name, cidr, owner.location) for _, cidr in _EVERYWHERE]
            rules = [itself, *out, *apart.get(name, ())]
            self._groups[name] = Group(name, owner.id, tuple(rules), owner.location)

    def _inline(self, part: Part, item: Item) -> list[Rule]:
        found = []
        for egress, name in ((False, "SecurityGroupIngress"), (True, "SecurityGroupEgress")):
            given = item.properties.get(name) or []
            for index, one in enumerate(given if isinstance(given, list) else [given]):
                path = (name, index) if isinstance(given, list) else (name,)
                if isinstance(one, dict):
                    found.append(self._rule(part, item, one, egress, path))
                elif isinstance(one, Unknown | Choice):
                    peer = Peer("unknown", _why(one))
                    found.append(Rule(egress, "", None, peer, item.id, item.at(*path)))
        return found

    def _rule(self, part: Part, item: Item, own: Any, egress: bool, path: tuple[str | int, ...]) -> Rule:
        protocol = _protocol(own.get("IpProtocol"))
        ports: tuple[int, int] | None = (-1, -1)
        if protocol in (*PORTS, *MESSAGES):
            ports = _pair(own.get("FromPort", -1), own.get("ToPort", -1))
        return Rule(egress, protocol, ports, self._peer(part, own, egress), item.id, item.at(*path))

    def _peer(self, part: Part, own: Any, egress: bool) -> Peer:
        side = "Destination" if egress else "Source"
        names = (
            ("CidrIp", "cidr"),
            ("CidrIpv6", "cidr"),
            (f"{side}SecurityGroupId", "group"),
            (f"{side}PrefixListId", "prefix-list"),
        )
        for name, kind in names:
            if name in own:
                value = self.namer.text(part, own[name])
                if kind == "cidr" and value.startswith("?"):
                    return Peer("unknown", f"{name} is {value[1:]}")
                return Peer(kind, value)
        return Peer("unknown", f"none of {', '.join(name for name, _ in names)} is given")


def _ordered(name: str, entries: list[Entry], location: Location) -> Acl:
    return Acl(name, tuple(sorted(entries, key=lambda one: one.number)), location)


def _default(name: str, cidr: str, location: Location) -> Rule:
    return Rule(True, "-1", (-1, -1), Peer("cidr", cidr), name, location)


def _protocol(value: Any) -> str:
    return "" if value is None or isinstance(value, Unknown | Choice) else protocol_of(value)


def _number(value: Any) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _pair(first: Any, last: Any) -> tuple[int, int] | None:
    pair = (_number(first), _number(last))
    if pair[0] is None or pair[1] is None:
        return None
    return (pair[0], pair[1])


def flag(value: Any) -> bool | None:
    """A boolean as templates write it; None when it is unknown."""
    if isinstance(value, Unknown | Choice):
        return None
    return str(value).lower() == "true"


def _why(value: Unknown | Choice) -> str:
    return value.reason if isinstance(value, Unknown) else f"condition {value.condition} is unknown"
