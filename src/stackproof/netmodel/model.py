"""Frozen data of a network, by the ids that ``read`` gives: logical ids, with their part's name in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stackproof.model import Location
from stackproof.netmodel.flow import Flow


class State(StrEnum):
    """What becomes of a first packet."""

    OPEN = "open"
    """It is let through both ways and something is known to listen."""
    PASSED = "passed"
    """It is let through both ways; whether something listens (open, refused) the template does not say."""
    REFUSED = "refused"
    """It is let through, and what listens is known: not there."""
    FILTERED = "filtered"
    """A rule drops it or its answer, or no rule lets it through, or there is no way."""
    UNDECIDED = "undecided"
    """It hangs on something that only the deployment decides."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: in words, by the logical id that decides, and where that is written."""

    text: str
    logical_id: str = ""
    location: Location | None = None

    def __str__(self) -> str:
        return f"{self.text} ({self.location})" if self.location else self.text


@dataclass(frozen=True, slots=True)
class Peer:
    """Who a rule is about: ``cidr``, ``group``, ``prefix-list`` (by id) or ``unknown`` (with its reason)."""

    kind: str
    value: str

    def __str__(self) -> str:
        return self.value if self.kind != "unknown" else f"an unknown peer ({self.value})"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a security group. ``ports`` are the first and last (ICMP: type and code), -1 is any.

    ``None`` for ports that are unknown. ``protocol`` is "" when it is unknown.
    """

    egress: bool
    protocol: str
    ports: tuple[int, int] | None
    peer: Peer
    logical_id: str
    location: Location


@dataclass(frozen=True, slots=True)
class Group:
    """A security group with every rule that the parts give it. ``known`` is False when it is foreign."""

    id: str
    vpc: str
    rules: tuple[Rule, ...]
    location: Location
    known: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a network ACL. ``ports``: as in ``Rule``; None is unknown."""

    number: int
    egress: bool
    protocol: str
    allow: bool
    cidr: str
    ports: tuple[int, int] | None
    logical_id: str
    location: Location


@dataclass(frozen=True, slots=True)
class Acl:
    """A network ACL; its entries in the order of their numbers."""

    id: str
    entries: tuple[Entry, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Route:
    """``kind``: internet, egress-only, nat, peering, endpoint, or what it is that is not modelled."""

    destination: str
    kind: str
    target: str
    logical_id: str
    location: Location


@dataclass(frozen=True, slots=True)
class Table:
    """A route table; the local route of its VPC is always there."""

    id: str
    routes: tuple[Route, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC with all its blocks."""

    id: str
    cidrs: tuple[str, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet. ``acl`` and ``table`` are ids. ``public`` is whether addresses are given at launch."""

    id: str
    vpc: str
    cidr: str
    cidr6: str
    acl: str
    table: str
    public: bool | None
    location: Location


@dataclass(frozen=True, slots=True)
class Place:
    """One interface: its subnet and groups by id, addresses where they are known.

    ``public`` is whether it has a public IPv4 address (None: unknown). ``groups`` None: nothing filters (a
    network load balancer or NAT gateway without groups).
    """

    subnet: str
    groups: tuple[str, ...] | None
    vpc: str = ""
    address: str = ""
    address6: str = ""
    public: bool | None = False
    public_address: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """Something with interfaces. With several places it stands in one of them (a group) or all (a balancer).

    ``listening`` is what it is known to answer on; None when the template does not say. ``count`` is how many
    such hosts there are to begin with.
    """

    id: str
    type: str
    places: tuple[Place, ...]
    location: Location
    listening: frozenset[tuple[str, int]] | None = None
    count: int = 1
    ephemeral: tuple[int, int] = (32768, 60999)


@dataclass(frozen=True, slots=True)
class Outside:
    """A host on the internet, by its address."""

    id: str
    address: str
    address6: str = ""


@dataclass(frozen=True, slots=True)
class Peering:
    """A connection of two VPCs."""

    id: str
    vpcs: tuple[str, str]
    location: Location


@dataclass(frozen=True, slots=True)
class Network:
    """Everything that was read, by id. ``prefix_lists`` holds the blocks of those that a part defines."""

    vpcs: Mapping[str, Vpc] = field(default_factory=dict)
    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    acls: Mapping[str, Acl] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    peerings: Mapping[str, Peering] = field(default_factory=dict)
    prefix_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attached: frozenset[str] = frozenset()
    """Internet gateways (and egress-only ones) that are attached to a VPC."""
    nodes: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a flow from one node to another, and why."""

    source: str
    target: str
    flow: Flow
    state: State
    reasons: tuple[Reason, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the network lets it through."""
        return self.state in (State.OPEN, State.PASSED, State.REFUSED)

    def __str__(self) -> str:
        why = "; ".join(str(one) for one in self.reasons)
        return f"{self.source} to {self.target}, {self.flow}: {self.state}" + (f": {why}" if why else "")
