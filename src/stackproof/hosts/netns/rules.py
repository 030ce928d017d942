"""nftables rules from security groups and network ACLs. Text only: nothing is made.

Security groups stand inside the host's own namespace: two chains that drop, stateful. Network ACLs stand in
the router of the VPC: stateless, by number, only between subnets. Neither is asked for traffic with the VPC's
DNS server (Amazon VPC user guide: what security groups and network ACLs do not filter).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stackproof.errors import BackendError
from stackproof.hosts.netns.layout import Layout, Member
from stackproof.netmodel.flow import ANY, MESSAGES, PORTS
from stackproof.netmodel.model import Acl, Entry, Rule
from stackproof.netmodel.trial import block_of

TABLE = "security_groups"
_COMMENT = 120
LINK_LOCAL_DNS = "169.254.169.253"
"""The other address of a VPC's DNS server, the same in every VPC."""


def of_host(member: Member, layout: Layout) -> str:
    """The table ``inet security_groups`` of a host; "" where nothing filters."""
    names = member.place.groups
    if names is None:
        return ""
    lines = {False: list[str](), True: list[str]()}
    for name in names:
        group = layout.network.groups.get(name)
        if group is None:
            raise BackendError(f"security group {name} of {member.name} is in no template of the network")
        for rule in group.rules:
            lines[rule.egress] += _rule(rule, member, layout)
    resolver = layout.resolvers.get(member.vpc)
    chains = [
        _chain("input", "saddr", lines[False], "iif", resolver),
        _chain("output", "daddr", lines[True], "oif", resolver),
    ]
    return f"table inet {TABLE} {{\n{''.join(chains)}}}\n"


def _chain(hook: str, side: str, rules: Iterable[str], way: str, resolver: str | None) -> str:
    own = [f"    ip {side} {{ {resolver}, {LINK_LOCAL_DNS} }} accept\n"] if resolver else []
    head = [
        f"  chain {hook} {{\n    type filter hook {hook} priority filter; policy drop;\n",
        f'    {way} "lo" accept\n',
        "    ct state established,related accept\n",
    ]
    return "".join([*head, *own, *dict.fromkeys(rules), "  }\n"])


def _rule(rule: Rule, member: Member, layout: Layout) -> Iterator[str]:
    where = f"{rule.logical_id} {rule.location.file.rpartition('/')[2]}:{rule.location.line}"
    comment = where[:_COMMENT].replace('"', "'")
    what = _what(rule.protocol, rule.ports, f"a rule of {rule.logical_id}")
    for peer in _peers(rule, member, layout):
        side = "daddr" if rule.egress else "saddr"
        match = "" if peer == "0.0.0.0/0" else f"ip {side} {peer} "
        family = "meta nfproto ipv4 " if not match else ""
        yield f'    {family}{match}{what}counter accept comment "{comment}"\n'


def _peers(rule: Rule, member: Member, layout: Layout) -> Iterator[str]:
    """Addresses that a rule is about, as nftables writes them; those of IPv6 are left out."""
    kind, value = rule.peer.kind, rule.peer.value
    if kind == "cidr":
        cidrs: tuple[str, ...] = (value,)
    elif kind == "group":
        found = sorted(
            one.address for one in layout.in_group(value) if _adjacent(one.vpc, member.vpc, layout)
        )
        if found:
            yield f"{{ {', '.join(found)} }}"
        return
    elif kind == "prefix-list":
        # What AWS keeps in its own lists (S3, CloudFront …) is none of the network's hosts.
        cidrs = layout.network.prefix_lists.get(value, ())
    else:
        raise BackendError(f"a rule of {rule.logical_id} is about {rule.peer}: {rule.location}")
    for cidr in cidrs:
        block = block_of(cidr)
        if block is None:
            raise BackendError(f"a rule of {rule.logical_id} is about '{cidr}', no address: {rule.location}")
        if block.version == 4:
            yield str(block)


def _adjacent(one: str, other: str, layout: Layout) -> bool:
    pairs = [set(peering.vpcs) for peering in layout.network.peerings.values()]
    return one == other or {one, other} in pairs


def _what(protocol: str, ports: tuple[int, int] | None, whose: str) -> str:
    if protocol == "" or (ports is None and protocol in (*PORTS, *MESSAGES)):
        raise BackendError(f"{whose} has a protocol or ports that only a deployment knows")
    if protocol == ANY:
        return ""
    first, last = ports or (-1, -1)
    if protocol in PORTS:
        if first == -1 or (first, last) == (0, 65535):
            return f"meta l4proto {protocol} "
        return f"{protocol} dport {first} " if first == last else f"{protocol} dport {first}-{last} "
    if protocol in MESSAGES:
        name = "icmp" if protocol == "icmp" else "icmpv6"
        if first == -1:
            return f"meta l4proto {'icmp' if name == 'icmp' else 'ipv6-icmp'} "
        return f"{name} type {first} " + (f"{name} code {last} " if last != -1 else "")
    return f"meta l4proto {protocol} "


def of_router(vpc: str, layout: Layout) -> str:
    """The tables of a VPC's router: network ACLs, and the addresses that its internet gateway translates."""
    members = layout.in_vpc(vpc)
    subnets: dict[str, list[Member]] = {}
    for one in members:
        subnets.setdefault(one.subnet, []).append(one)
    used: dict[str, str] = {}
    for subnet in subnets:
        acl = layout.network.subnets[subnet].acl
        used.setdefault(acl, f"acl{len(used)}")
    chains = [_acl_chains(layout.network.acls.get(acl), acl, name) for acl, name in used.items()]
    number = {one.name: used[layout.network.subnets[one.subnet].acl] for one in members}
    same = "".join(f"    iifname {_set(group)} oifname {_set(group)} accept\n" for group in subnets.values())
    leaving = ", ".join(f'"{one.device}" : jump {number[one.name]}_out' for one in members)
    entering = ", ".join(f'"{one.device}" : jump {number[one.name]}_in' for one in members)
    resolver = '    iifname "r0" accept\n    oifname "r0" accept\n' if vpc in layout.resolvers else ""
    private = ", ".join(one.address for one in members if one.public)
    shut = f'    oifname "igw" ip saddr != {{ {private} }} drop\n' if private else '    oifname "igw" drop\n'
    forward = (
        "  chain forward {\n    type filter hook forward priority filter; policy accept;\n"
        f"{resolver}{same}{shut}"
        f"    iifname vmap {{ {leaving} }}\n    oifname vmap {{ {entering} }}\n  }}\n"
    )
    return f"table ip network_acls {{\n{''.join(chains)}{forward if members else ''}}}\n{_gateway(members)}"


def _gateway(members: Iterable[Member]) -> str:
    public = [one for one in members if one.public]
    if not public:
        return ""
    inward = ", ".join(f"{one.public} : {one.address}" for one in public)
    outward = ", ".join(f"{one.address} : {one.public}" for one in public)
    return (
        "table ip internet_gateway {\n"
        "  chain inward {\n    type nat hook prerouting priority dstnat;\n"
        f'    iifname "igw" dnat to ip daddr map {{ {inward} }}\n  }}\n'
        "  chain outward {\n    type nat hook postrouting priority srcnat;\n"
        f'    oifname "igw" snat to ip saddr map {{ {outward} }}\n  }}\n}}\n'
    )


def _acl_chains(acl: Acl | None, name: str, chain: str) -> str:
    if acl is None:
        raise BackendError(f"network ACL {name} is in no template of the network")
    text = ""
    for egress, suffix, side in ((True, "out", "daddr"), (False, "in", "saddr")):
        lines = [_entry(one, side) for one in acl.entries if one.egress is egress]
        text += f"  chain {chain}_{suffix} {{\n{''.join(lines)}    counter drop\n  }}\n"
    return text


def _entry(entry: Entry, side: str) -> str:
    block = block_of(entry.cidr)
    if block is None:
        raise BackendError(f"entry {entry.logical_id} of a network ACL is about '{entry.cidr}', no address")
    if block.version != 4:
        return ""
    what = _what(entry.protocol, entry.ports, f"entry {entry.logical_id} of a network ACL")
    where = "" if block.prefixlen == 0 else f"ip {side} {block} "
    comment = f"{entry.logical_id} {entry.number}"[:_COMMENT]
    return f'    {where}{what}counter {"return" if entry.allow else "drop"} comment "{comment}"\n'


def of_nat(member: Member, layout: Layout) -> str:
    """A NAT gateway: what comes from its VPC goes on in its name, nothing else comes in."""
    cidrs = ", ".join(layout.network.vpcs[member.vpc].cidrs)
    return (
        "table ip nat_gateway {\n"
        "  chain input {\n    type filter hook input priority filter; policy drop;\n"
        "    ct state established,related accept\n  }\n"
        "  chain forward {\n    type filter hook forward priority filter; policy drop;\n"
        f"    ct state established,related accept\n    ip saddr {{ {cidrs} }} accept\n  }}\n"
        "  chain outward {\n    type nat hook postrouting priority srcnat;\n"
        f'    oifname "eth0" ip saddr != {member.address} snat to {member.address}\n  }}\n}}\n'
    )


def _set(members: Iterable[Member]) -> str:
    return f"{{ {', '.join(chr(34) + one.device + chr(34) for one in members)} }}"
