"""Three-valued trials of rules: let through, not let through, or not to be known; each with its reasons."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stackproof.netmodel.flow import ANY, MESSAGES, PORTS, Flow
from stackproof.netmodel.model import Acl, Entry, Group, Network, Place, Reason, Rule

Block = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Trial:
    """``passed`` is None when it cannot be known."""

    passed: bool | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a flow as rules see it: where its address lies (None: unknown) and which groups it is in.

    ``groups`` None: it is outside, or seen by another address than its own.
    """

    name: str
    block: Block | None
    groups: tuple[str, ...] | None

    def __str__(self) -> str:
        if self.block is None:
            return self.name
        single = self.block.prefixlen == self.block.max_prefixlen
        return f"{self.name} ({self.block.network_address if single else self.block})"


def block_of(text: str) -> Block | None:
    """The block of a CIDR or an address; None for a text that is neither."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def within(block: Block | None, cidr: str) -> bool | None:
    """Whether an address that lies in ``block`` matches ``cidr``; None when it hangs on which one it is."""
    rule = block_of(cidr)
    if rule is None:
        return None
    if rule.prefixlen == 0:
        return None if block is None else block.version == rule.version
    if block is None:
        return None
    if rule.version != block.version or not rule.overlaps(block):
        return False
    return True if rule.prefixlen <= block.prefixlen else None


def rule_matches(rule: Rule, flow: Flow, peer: Party, network: Network) -> bool | None:
    """Whether a rule of a security group is about the flow to or from ``peer``."""
    return _all([_protocol(rule.protocol, rule.ports, flow), _peer(rule, peer, network)])


def groups_let(
    names: Sequence[str] | None, egress: bool, flow: Flow, peer: Party, network: Network, whose: str
) -> Trial:
    """Whether one rule of one of the groups lets the flow through (rules only allow; groups add up)."""
    way = "egress" if egress else "ingress"
    if names is None:
        return Trial(True, ())
    groups = [network.groups.get(name) for name in names]
    unsure = [
        Reason(f"{name} of {whose} is foreign") for name, one in zip(names, groups, strict=True) if not one
    ]
    for group in (one for one in groups if one):
        for rule in (one for one in group.rules if one.egress is egress):
            matches = rule_matches(rule, flow, peer, network)
            if matches:
                return Trial(True, (_allowed(rule, group, way),))
            if matches is None:
                text = f"{way} rule of {group.id} for {rule.peer} may or may not be about {flow} with {peer}"
                unsure.append(Reason(text, rule.logical_id, rule.location))
    if unsure:
        return Trial(None, tuple(unsure))
    side = "to" if egress else "from"
    missing = tuple(
        Reason(f"{one.id} of {whose} has no {way} rule for {flow} {side} {peer}", one.id, one.location)
        for one in groups
        if one
    )
    return Trial(False, missing or (Reason(f"{whose} is in no security group"),))


def acl_lets(
    acl: Acl | None, name: str, egress: bool, flow: Flow, ports: tuple[int, int], peer: Party
) -> Trial:
    """Whether a network ACL lets packets through whose destination port is any of ``ports``.

    Entries count by number, the first that matches decides, at the end stands a denial (AWS: network ACLs).
    When some of the ports are allowed and others are not, nobody can tell.
    """
    way = "outbound" if egress else "inbound"
    if acl is None:
        return Trial(None, (Reason(f"network ACL {name} is not in the templates"),))
    outcomes: dict[bool, Reason] = {}
    entries = [one for one in acl.entries if one.egress is egress]
    for first, last in _cuts(entries, flow, ports):
        for allowed, reason in _decided(acl, entries, way, flow, (first, last), peer):
            outcomes.setdefault(allowed, reason)
    if len(outcomes) == 1:
        (allowed, reason) = next(iter(outcomes.items()))
        return Trial(allowed, (reason,))
    return Trial(None, tuple(outcomes[one] for one in sorted(outcomes)))


def _cuts(entries: Sequence[Entry], flow: Flow, ports: tuple[int, int]) -> list[tuple[int, int]]:
    """The range of ports in pieces that every entry treats alike."""
    if flow.protocol not in PORTS:
        return [ports]
    edges = {ports[0], ports[1] + 1}
    for one in entries:
        if one.ports and one.ports[0] >= 0:
            edges |= {edge for edge in (one.ports[0], one.ports[1] + 1) if ports[0] < edge <= ports[1]}
    ordered = sorted(edges)
    return [(low, high - 1) for low, high in itertools.pairwise(ordered)]


def _decided(
    acl: Acl, entries: Iterable[Entry], way: str, flow: Flow, ports: tuple[int, int], peer: Party
) -> list[tuple[bool, Reason]]:
    """Every outcome that is possible for these ports, with the entry that makes it."""
    span = str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
    said = str(flow) if flow.protocol in MESSAGES else f"{flow.protocol} {span}"
    side = "to" if way == "outbound" else "from"
    found: list[tuple[bool, Reason]] = []
    for one in entries:
        matches = _all([_acl_protocol(one, flow, ports[0]), within(peer.block, one.cidr)])
        if matches is False:
            continue
        word = "allows" if one.allow else "denies"
        text = f"{way} entry {one.number} of {acl.id} {word} {said} {side} {peer}"
        found.append((one.allow, Reason(text, one.logical_id, one.location)))
        if matches:
            return found
    text = f"{acl.id} has no {way} entry for {said} {side} {peer}"
    return [*found, (False, Reason(text, acl.id, acl.location))]


def _acl_protocol(entry: Entry, flow: Flow, port: int) -> bool | None:
    probe = flow if flow.protocol in MESSAGES else Flow(flow.protocol, port, flow.code, flow.family)
    return _protocol(entry.protocol, entry.ports, probe)


def _protocol(protocol: str, ports: tuple[int, int] | None, flow: Flow) -> bool | None:
    if protocol == "":
        return None
    if protocol == ANY:
        return True
    if protocol != flow.protocol:
        return False
    if protocol not in (*PORTS, *MESSAGES):
        return True
    if ports is None:
        return None
    first, last = ports
    if protocol in MESSAGES:
        return first in (-1, flow.port) and (first == -1 or last in (-1, flow.code))
    return first == -1 or first <= flow.port <= last


def _peer(rule: Rule, peer: Party, network: Network) -> bool | None:
    kind, value = rule.peer.kind, rule.peer.value
    if kind == "cidr":
        return within(peer.block, value)
    if kind == "group":
        if peer.groups is None:
            return False
        if value in peer.groups:
            return True
        # A group that another stack exports was there before this one's: it is none of these.
        foreign = value.startswith("?") and "Fn::ImportValue" not in value
        return None if foreign or any(one.startswith("?") for one in peer.groups) else False
    if kind == "prefix-list" and value in network.prefix_lists:
        return _any([within(peer.block, cidr) for cidr in network.prefix_lists[value]])
    return None


def _allowed(rule: Rule, group: Group, way: str) -> Reason:
    return Reason(f"{way} rule of {group.id} for {rule.peer}", rule.logical_id, rule.location)


def _all(values: Iterable[bool | None]) -> bool | None:
    found = list(values)
    if False in found:
        return False
    return None if None in found else True


def _any(values: Iterable[bool | None]) -> bool | None:
    found = list(values)
    if True in found:
        return True
    return None if None in found else False


def party_of(name: str, place: Place, network: Network, family: int) -> Party:
    """An interface as the rules inside its network see it."""
    subnet = network.subnets.get(place.subnet)
    address = place.address if family == 4 else place.address6
    text = address or ((subnet.cidr if family == 4 else subnet.cidr6) if subnet else "")
    return Party(name, block_of(text), place.groups or ())
