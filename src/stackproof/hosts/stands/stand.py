"""A host of a test stack with its surroundings: who can ask it, and what its templates say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stackproof.errors import UsageError
from stackproof.hosts.netns import BuiltNetwork, network
from stackproof.hosts.netns.layout import NAT
from stackproof.hosts.netns.source import parts_of
from stackproof.hosts.probes import Asker, FromHost, FromNamespace
from stackproof.hosts.reach import host_of
from stackproof.hosts.stands.facts import StandFacts, facts_of
from stackproof.netmodel import Network, read

if TYPE_CHECKING:
    from testinfra.host import Host

    from stackproof.hosts.model import Running
    from stackproof.hosts.session import Session


@dataclass(frozen=True, slots=True)
class Stand:
    """One inspected host. ``sources`` are the other hosts from which it can be asked, by their nodes' names.

    ``network`` is what the templates say; ``addresses`` are the private addresses of nodes (and of hosts
    outside), ``publics`` the public ones. ``built`` is the network of namespaces, None for a real one.
    """

    running: Running
    host: Host
    session: Session
    facts: StandFacts
    network: Network
    sources: Mapping[str, Asker]
    addresses: Mapping[str, str]
    publics: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
    built: BuiltNetwork | None = None

    @property
    def node(self) -> str:
        """The name of the host in its templates."""
        return self.facts.node

    def forget(self) -> None:
        """What was seen of it no longer counts: something was changed."""
        self.session.shared.pop(f"seen {self.running.name}", None)

    def address(self, source: str) -> str:
        """Where ``source`` finds the host: from outside by the public address, where it has one."""
        if source in self.outside and self.publics.get(self.node):
            return self.publics[self.node]
        return self.addresses[self.node]

    def can_ask(self, name: str) -> bool:
        """Whether anything can be asked from there."""
        return name == self.node or name in self.sources

    def asker(self, name: str) -> Asker:
        """Where a host of the stack, or one outside, asks from. ``UsageError`` when it cannot be asked."""
        if name == self.node:
            return FromHost(self.host)
        if name not in self.sources:
            known = ", ".join(self.sources) or "none"
            raise UsageError(f"nothing can be asked from '{name}'; there are: {known}")
        return self.sources[name]


def stand_of(running: Running, session: Session) -> Stand:
    """The surroundings of a host. A network of namespaces is built whole; a real stack has what is inspected.

    Raises ``ConfigError`` for facts that say nothing, ``UsageError`` for a network that is not there.
    """
    facts = facts_of(running.entry)
    host = host_of(running, session)
    if running.entry.provider == "netns":
        return _built(running, host, session, facts)
    return _real(running, host, session, facts)


def _built(running: Running, host: Host, session: Session, facts: StandFacts) -> Stand:
    built = network(session, facts.network)
    for entry in session.inventory.hosts:
        # The whole stack: what one host answers may be another one's answer.
        if entry.facts.get("stand") and entry.facts.get("network") == facts.network:
            session.host(entry.name)
    hosts = {name: one for name, one in built.nodes.items() if not name.endswith(".resolver")}
    # Gateways last: what a host or a stranger sees says more.
    asking = sorted(hosts, key=lambda name: bool((it := hosts[name].member) and it.node.type == NAT))
    return Stand(
        running,
        host,
        session,
        facts,
        built.layout.network,
        {name: FromNamespace(hosts[name].namespace) for name in asking if name != facts.node},
        {name: one.address for name, one in hosts.items()},
        {name: one.public for name, one in hosts.items() if one.public},
        built.layout.outside,
        built,
    )


def _real(running: Running, host: Host, session: Session, facts: StandFacts) -> Stand:
    """Hosts of the inventory that stand in the same network ask each other; nobody outside is at hand."""
    spec = session.inventory.networks.get(facts.network)
    if spec is None:
        raise UsageError(f"{session.inventory.file} has no network '{facts.network}'")
    sources: dict[str, Asker] = {}
    addresses = {facts.node: _own_address(host)}
    for entry in session.inventory.hosts:
        other = entry.facts.get("network") == facts.network and str(entry.facts.get("node", ""))
        if other and other != facts.node and entry.name != running.name:
            there = host_of(session.host(entry.name), session)
            sources[other] = FromHost(there)
            addresses[other] = _own_address(there)
    return Stand(running, host, session, facts, read(parts_of(spec, session.root)), sources, addresses)


def _own_address(host: Host) -> str:
    """The address by which a host goes out."""
    said = host.check_output("ip -4 -o route get 192.0.2.1 || hostname -I")
    words = str(said).split()
    return words[words.index("src") + 1] if "src" in words else words[0]
