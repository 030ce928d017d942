"""From a network that templates describe to hosts with addresses: pure data, nothing is made.

Members of an Auto Scaling group, a service or a cluster of several nodes get a number (``Group-1``) and are
spread over its subnets in order; a load balancer is one host in the first of its subnets. Addresses that no
template gives are the next free ones of the subnet, from the tenth on; AWS keeps the first four
and the last.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from stackproof.errors import BackendError
from stackproof.netmodel import Network, Node, Place

_FIRST = 10
_PUBLIC = ipaddress.IPv4Network("198.18.0.0/16")
"""Public addresses of members: the block for benchmarks (RFC 2544), which no network routes."""

_MEMBERED = ("AWS::AutoScaling::AutoScalingGroup", "AWS::ECS::Service")
NAT = "AWS::EC2::NatGateway"


@dataclass(frozen=True, slots=True)
class Member:
    """One host of the network. ``device`` is its interface in its VPC's router; ``public`` may be ""."""

    name: str
    node: Node
    vpc: str
    subnet: str
    address: str
    prefix: int
    public: str
    device: str

    @property
    def place(self) -> Place:
        """Its only interface, with its addresses."""
        return self.node.places[0]


@dataclass(frozen=True, slots=True)
class Layout:
    """All hosts. ``network`` is the network that was given, its nodes replaced by the members."""

    network: Network
    members: Mapping[str, Member]
    outside: Mapping[str, str] = field(default_factory=dict)
    resolvers: Mapping[str, str] = field(default_factory=dict)
    """Address of the DNS server of each VPC that has one."""

    def in_group(self, group: str) -> list[Member]:
        """The members of a security group."""
        return [one for one in self.members.values() if group in (one.place.groups or ())]

    def in_vpc(self, vpc: str) -> list[Member]:
        """The members that stand in a VPC."""
        return [one for one in self.members.values() if one.vpc == vpc]


def lay_out(network: Network, outside: Mapping[str, str] | None = None, *, resolver: bool = False) -> Layout:
    """Give every host its address. Raises ``BackendError`` for one that stands in no known subnet."""
    taken: dict[str, set[str]] = {}
    for node in network.nodes.values():
        for place in node.places:
            if place.address:
                taken.setdefault(place.subnet, set()).add(place.address)
    free = {name: _free(one.cidr, taken.get(name, set()), name) for name, one in network.subnets.items()}
    publics = _PUBLIC.hosts()
    members: dict[str, Member] = {}
    for node in network.nodes.values():
        for name, place in _spread(node):
            subnet = network.subnets.get(place.subnet)
            if subnet is None or subnet.vpc not in network.vpcs:
                where = place.subnet.lstrip("?") or "no subnet"
                hint = "add the template that makes it to the network's templates"
                raise BackendError(f"{name} stands in {where}, which no template makes", hint=hint)
            address = place.address or next(free[place.subnet])
            public = str(next(publics)) if place.public else ""
            settled = replace(place, address=address, vpc=subnet.vpc, public_address=public)
            members[name] = Member(
                name=name,
                node=replace(node, id=name, places=(settled,), count=1),
                vpc=subnet.vpc,
                subnet=place.subnet,
                address=address,
                prefix=ipaddress.ip_network(subnet.cidr, strict=False).prefixlen,
                public=public,
                device=f"h{len(members)}",
            )
    hosts = replace(network, nodes={name: one.node for name, one in members.items()})
    resolvers = {name: _second(one.cidrs[0]) for name, one in network.vpcs.items()} if resolver else {}
    return Layout(hosts, members, dict(outside or {}), resolvers)


def _spread(node: Node) -> Iterator[tuple[str, Place]]:
    """Each host of a node with its place."""
    if not node.places:
        return
    if node.type in _MEMBERED or node.count > 1:
        for number in range(node.count):
            yield f"{node.id}-{number + 1}", node.places[number % len(node.places)]
        return
    yield node.id, node.places[0]


def _free(cidr: str, taken: set[str], name: str) -> Iterator[str]:
    """The addresses of a subnet that nobody has."""
    block = ipaddress.ip_network(cidr, strict=False)
    last = int(block.broadcast_address)
    start = int(block.network_address) + (_FIRST if block.num_addresses > 2 * _FIRST else 4)
    for number in range(start, last):
        address = str(ipaddress.IPv4Address(number))
        if address not in taken:
            yield address
    raise BackendError(f"subnet {name} ({cidr}) has no address left")


def _second(cidr: str) -> str:
    """The address of a VPC's DNS server (AWS: the base of the VPC's primary block plus two)."""
    return str(ipaddress.IPv4Address(int(ipaddress.ip_network(cidr, strict=False).network_address) + 2))
