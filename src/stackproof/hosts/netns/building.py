"""Makes the namespaces of a layout: hosts, a router for each VPC, and the internet between them.

A host has one interface ``eth0`` whose only neighbour is its VPC's router (as in AWS, where everything goes
by the VPC's router). The router chooses by policy routing: first the hosts of the VPC (the local route), then
the route table of the subnet that a packet comes from. An internet gateway is the link from a router to the
namespace that stands for the internet, where public addresses are translated one to one.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from stackproof.hosts import machines
from stackproof.hosts.netns import rules
from stackproof.hosts.netns.layout import NAT, Layout, Member
from stackproof.netmodel.model import Network, Route

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

WORLD = "the internet"
"""The name of the namespace between all internet gateways and the hosts outside."""

_ROUTER = "169.254.0.1"
_INTERNET = "169.254.1.2"
_GATEWAY = "169.254.1.1"
_PEER = "169.254.2"
_TABLE = 1000
_RULES = 33000
"""Preferences of the rules by interface: after the main table (32766), which holds the local routes."""

_FORWARD = "echo 1 > /proc/sys/net/ipv4/ip_forward"
_CONF = "/proc/sys/net/ipv4/conf"
_QUIET = f"for f in {_CONF}/*/rp_filter {_CONF}/*/send_redirects; do echo 0 > $f; done"


class Builder:
    """Makes one layout. ``namespaces`` maps names of hosts, ``<vpc>.router`` and ``WORLD`` to namespaces."""

    def __init__(self, layout: Layout, session: Session, label: str) -> None:
        self.layout = layout
        self.session = session
        self.label = label
        self.namespaces: dict[str, str] = {}
        self._batches: list[dict[str, list[str]]] = [{}, {}, {}]
        self._filled: set[tuple[str, int]] = set()

    def build(self) -> dict[str, str]:
        """Make everything; returns the namespaces by name. Raises ``BackendError``."""
        self._namespace(WORLD)
        for name, address in self.layout.outside.items():
            self._outside(name, address)
        for number, vpc in enumerate(self.layout.network.vpcs):
            if self.layout.in_vpc(vpc) or vpc in self.layout.resolvers:
                self._vpc(vpc, number)
        for number, peering in enumerate(self.layout.network.peerings.values()):
            if all(f"{vpc}.router" in self.namespaces for vpc in peering.vpcs):
                self._peer(peering.vpcs, peering.id, number)
        for member in self.layout.members.values():
            self._route(member)
        self._run()
        for name in (WORLD, *(f"{vpc}.router" for vpc in self.layout.network.vpcs)):
            if name in self.namespaces:
                self._shell(name, f"{_FORWARD}; {_QUIET}")
        self._rules()
        return self.namespaces

    def _namespace(self, name: str) -> str:
        plain = "".join(one if one.isalnum() else "-" for one in name)
        self.namespaces[name] = machines.namespace(self.session, f"{self.label}-{plain}")
        return self.namespaces[name]

    def _say(self, name: str, line: str, stage: int = 2) -> None:
        """A line for ip in a namespace: first all links are made (0), then set up (1), then the rest (2)."""
        self._batches[stage].setdefault(name, []).append(line)

    def _run(self) -> None:
        for stage in self._batches:
            for name, lines in stage.items():
                command = ["ip", "-n", self.namespaces[name], "-batch", "-"]
                self.session.run(command, text="\n".join(lines) + "\n")
            stage.clear()

    def _shell(self, name: str, text: str) -> None:
        self.session.run(["ip", "netns", "exec", self.namespaces[name], "sh", "-c", text])

    def _link(self, name: str, device: str, to: str, other: str) -> None:
        self._say(name, f"link add {device} type veth peer name {other} netns {self.namespaces[to]}", 0)
        self._say(name, f"link set {device} up", 1)
        self._say(to, f"link set {other} up", 1)

    def _host(self, name: str, address: str, prefix: int, router: str, device: str) -> None:
        """A host behind a router, to which it sends everything."""
        self._namespace(name)
        self._link(router, device, name, "eth0")
        self._say(router, f"address add {_ROUTER}/32 dev {device}")
        self._say(router, f"route add {address}/32 dev {device}")
        self._say(name, f"address add {address}/{prefix} dev eth0 noprefixroute")
        self._say(name, f"route add {_ROUTER} dev eth0 src {address}")
        self._say(name, f"route add default via {_ROUTER} dev eth0 src {address}")

    def _outside(self, name: str, address: str) -> None:
        self._host(name, address, 32, WORLD, f"o{len(self.namespaces)}")

    def _vpc(self, vpc: str, number: int) -> None:
        router = f"{vpc}.router"
        self._namespace(router)
        device = f"v{number}"
        self._link(WORLD, device, router, "igw")
        self._say(router, f"address add {_GATEWAY}/32 dev igw")
        self._say(WORLD, f"address add {_INTERNET}/32 dev {device}")
        for member in self.layout.in_vpc(vpc):
            self._host(member.name, member.address, member.prefix, router, member.device)
            if member.public:
                self._say(WORLD, f"route add {member.public}/32 via {_GATEWAY} dev {device} onlink")
        if vpc in self.layout.resolvers:
            self._host(f"{vpc}.resolver", self.layout.resolvers[vpc], 32, router, "r0")
            self._say(f"{vpc}.resolver", f"address add {rules.LINK_LOCAL_DNS}/32 dev eth0")
            self._say(router, f"route add {rules.LINK_LOCAL_DNS}/32 dev r0")

    def _peer(self, vpcs: tuple[str, str], name: str, number: int) -> None:
        first, second = (f"{vpc}.router" for vpc in vpcs)
        self._link(first, f"p{number}", second, f"p{number}")
        for router, end in ((first, 1), (second, 2)):
            self._say(router, f"address add {_PEER}.{end}/32 dev p{number}")

    def _route(self, member: Member) -> None:
        """The rule that gives packets of a host the route table of its subnet."""
        network, router = self.layout.network, f"{member.vpc}.router"
        tables = list(network.tables)
        name = network.subnets[member.subnet].table
        number = _TABLE + tables.index(name)
        self._say(router, f"rule add pref {_RULES} iif {member.device} lookup {number}")
        if (router, number) in self._filled:
            return
        self._filled.add((router, number))
        for block in network.vpcs[member.vpc].cidrs:
            if ipaddress.ip_network(block, strict=False).version == 4:
                self._say(router, f"route add blackhole {block} table {number}")
        self._say(router, f"route add blackhole default metric 4000 table {number}")
        for route in network.tables[name].routes:
            for line in self._way(route, member.vpc, network):
                self._say(router, f"route add {line} table {number}")

    def _way(self, route: Route, vpc: str, network: Network) -> list[str]:
        destinations = network.prefix_lists.get(route.destination, (route.destination,))
        hop = ""
        if route.kind == "internet" and route.target in network.attached:
            hop = f"via {_INTERNET} dev igw onlink"
        elif route.kind == "nat" and route.target in self.layout.members:
            gateway = self.layout.members[route.target]
            hop = f"via {gateway.address} dev {gateway.device} onlink"
        elif route.kind == "peering" and route.target in network.peerings:
            number = list(network.peerings).index(route.target)
            end = 2 if network.peerings[route.target].vpcs[0] == vpc else 1
            hop = f"via {_PEER}.{end} dev p{number} onlink"
        found = []
        for destination in destinations:
            if ":" in destination or not destination[:1].isdigit():
                continue
            # A way that is not modelled leads nowhere: what it would answer is nobody's to say.
            found.append(f"{destination} {hop}" if hop else f"blackhole {destination}")
        return found

    def _rules(self) -> None:
        for vpc in self.layout.network.vpcs:
            if f"{vpc}.router" in self.namespaces:
                self._nft(f"{vpc}.router", rules.of_router(vpc, self.layout))
        for member in self.layout.members.values():
            if member.node.type == NAT:
                self._shell(member.name, f"{_FORWARD}; {_QUIET}")
                self._nft(member.name, rules.of_nat(member, self.layout))
            else:
                self._nft(member.name, rules.of_host(member, self.layout))

    def _nft(self, name: str, text: str) -> None:
        if text:
            enter = ["ip", "netns", "exec", self.namespaces[name]]
            self.session.run([*enter, "nft", "-f", "-"], text=text)
