"""A network of namespaces that stands: its hosts, what its templates say, and what the hosts see."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import BackendError, UsageError
from stackproof.hosts.netns.building import Builder
from stackproof.hosts.netns.checked import check
from stackproof.hosts.netns.layout import Layout, Member, lay_out
from stackproof.hosts.netns.source import parts_of
from stackproof.hosts.probes import FromNamespace
from stackproof.netmodel import Flow, Matrix, Part, Reach, matrix, read

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class NetHost:
    """One host: ``namespace`` as ``ip netns`` knows it, private ``address``, ``public`` address or ""."""

    name: str
    namespace: str
    address: str
    public: str = ""
    member: Member | None = None


@dataclass(frozen=True, slots=True)
class BuiltNetwork:
    """The network ``name`` of an inventory. ``nodes`` also has the hosts outside and ``<vpc>.resolver``."""

    name: str
    layout: Layout
    nodes: Mapping[str, NetHost]
    parts: tuple[Part, ...]
    session: Session
    routers: Mapping[str, str] = field(default_factory=dict)

    def node(self, name: str) -> NetHost:
        """A host by its name. ``UsageError`` names those that there are."""
        if name not in self.nodes:
            raise UsageError(f"network {self.name} has no '{name}'; there are: {', '.join(self.nodes)}")
        return self.nodes[name]

    def router_of(self, name: str) -> str:
        """The namespace of the router of a host's VPC. ``UsageError`` for a host outside."""
        member = self.node(name).member
        if member is None:
            raise UsageError(f"'{name}' stands in no VPC")
        return self.routers[member.vpc]

    def asker(self, name: str) -> FromNamespace:
        """Where probes are asked from."""
        return FromNamespace(self.node(name).namespace)

    def address(self, source: str, target: str) -> str:
        """The address at which one host finds another: the public one from outside, where there is one."""
        other = self.node(target)
        return other.public if source in self.layout.outside and other.public else other.address

    def reach(self, listening: Mapping[str, Iterable[str]] | None = None) -> Reach:
        """What the templates say; ``listening`` maps hosts to what they answer on (``tcp/22``)."""
        heard = {
            name: frozenset((flow.protocol, flow.port) for flow in map(Flow.parse, flows))
            for name, flows in (listening or {}).items()
        }
        return Reach(self.layout.network, self.layout.outside, heard)

    def matrix(
        self, flows: Iterable[Flow | str], listening: Mapping[str, Iterable[str]] | None = None
    ) -> Matrix:
        """What the templates say of every pair of hosts."""
        return matrix(self.reach(listening), flows)

    def enter(self, name: str) -> list[str]:
        """The command before a command that shall run in a host's namespace, beside this machine's files."""
        return ["ip", "netns", "exec", self.node(name).namespace]

    def run(self, name: str, command: Sequence[str] | str, *, timeout: float = 60.0) -> str:
        """Run a command (a text: by the shell) in a host's namespace; what it printed. ``BackendError``."""
        words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        return self.session.run([*self.enter(name), *words], timeout=timeout)

    def start(
        self,
        name: str,
        command: Sequence[str] | str,
        *,
        ready: str = "",
        log: Path | None = None,
        grace: float = 3.0,
    ) -> subprocess.Popen[bytes]:
        """Start a process in a host's namespace, ended with the session; waits for ``ready`` (``tcp/80``).

        Raises ``BackendError`` with the end of its log when it does not listen within 60 s.
        """
        words = shlex.split(command) if isinstance(command, str) else list(command)
        file = log or self.session.folder / f"{self.node(name).namespace}-{self.session.count()}.log"
        process: subprocess.Popen[bytes] = self.session.start(
            [*self.enter(name), *words], log=file, grace=grace
        )
        if ready:
            self.wait(name, ready, process=process, log=file)
        return process

    def wait(
        self,
        name: str,
        ready: str,
        *,
        process: subprocess.Popen[Any] | None = None,
        log: Path | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        """Wait until something listens in a host's namespace. ``BackendError`` when nothing does."""
        end = time.monotonic() + patience
        while time.monotonic() < end and (process is None or process.poll() is None):
            if Flow.parse(ready) in self.listening(name):
                return
            time.sleep(0.05)
        said = (
            log.read_text(encoding="utf-8", errors="replace")[-1500:].strip() if log and log.exists() else ""
        )
        raise BackendError(f"nothing listens on {ready} of {name}: {said or 'it said nothing'}")

    def listening(self, name: str) -> set[Flow]:
        """What processes in a host's namespace listen on beyond its loopback (ss(8))."""
        found = set()
        for line in self.run(name, ["ss", "-Hltun"]).splitlines():
            fields = line.split()
            address, _, port = fields[4].rpartition(":")
            if port.isdigit() and not address.startswith(("127.", "[::1]")):
                found.add(Flow(fields[0], int(port)))
        return found


def network(session: Session, name: str) -> BuiltNetwork:
    """The network of that name of the session's inventory, built now if it is not yet there.

    Raises ``UsageError`` for an unknown name, ``ConfigError`` for a template or a configuration that is not
    there, ``BackendError`` for what cannot be built, with the line of what is described wrongly.
    """
    key = f"network {name}"
    if key not in session.shared:
        spec = session.inventory.networks.get(name)
        if spec is None:
            known = ", ".join(session.inventory.networks) or "none"
            raise UsageError(f"{session.inventory.file} has no network '{name}'; there are: {known}")
        parts = parts_of(spec, session.root)
        described = read(parts)
        check(described, spec)
        layout = lay_out(described, spec.outside, resolver=spec.resolver)
        namespaces = Builder(layout, session, name).build()
        routers = {
            vpc: namespaces[f"{vpc}.router"] for vpc in layout.network.vpcs if f"{vpc}.router" in namespaces
        }
        session.shared[key] = BuiltNetwork(name, layout, _hosts(layout, namespaces), parts, session, routers)
    found: BuiltNetwork = session.shared[key]
    return found


def _hosts(layout: Layout, namespaces: Mapping[str, str]) -> dict[str, NetHost]:
    found = {
        name: NetHost(name, namespaces[name], one.address, one.public, one)
        for name, one in layout.members.items()
    }
    for name, address in layout.outside.items():
        found[name] = NetHost(name, namespaces[name], address, address)
    for vpc, address in layout.resolvers.items():
        found[f"{vpc}.resolver"] = NetHost(f"{vpc}.resolver", namespaces[f"{vpc}.resolver"], address)
    return found
