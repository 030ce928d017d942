"""What must hold of names on a host whose network completes them: each check says what is wrong, in words.

Everything is asked on the host itself, by its own resolver settings, so that it is the same on a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackproof.hosts import probes
from stackproof.hosts.probes import Answer, FromHost, Probe

if TYPE_CHECKING:
    from testinfra.host import Host

LONGEST = 60
"""Seconds that an answer may be remembered at most, be it a name's or that there is none."""


@dataclass(frozen=True, slots=True)
class Names:
    """A host, the domain that completes its bare names, and a service (bare name and port) that it needs."""

    host: Host
    domain: str
    service: str
    port: int

    def settings(self, word: str) -> list[str]:
        """What follows a word in ``/etc/resolv.conf``."""
        lines = self.host.check_output("cat /etc/resolv.conf").splitlines()
        return [value for line in lines if line.split()[:1] == [word] for value in line.split()[1:]]

    def ask(self, name: str, kind: str = "A") -> Probe:
        """Ask the host's first server; without one nothing is asked."""
        servers = self.settings("nameserver")
        if not servers:
            return Probe("dns", name, Answer.ERROR, "the host knows no server")
        return probes.dns(FromHost(self.host), name, server=servers[0], kind=kind, timeout=2)

    @property
    def absolute(self) -> str:
        """The service's whole name."""
        return f"{self.service}.{self.domain}"


def server_answers(names: Names) -> Iterator[str]:
    """The host's DNS server knows the domain."""
    seen = names.ask(names.domain, "SOA")
    if not seen.is_open:
        yield f"the DNS server does not answer: {seen.reason or seen.answer}"
    elif not seen.facts["records"]:
        yield f"the DNS server does not know {names.domain}"


def searches(names: Names) -> Iterator[str]:
    """Bare names are completed by the domain of the network."""
    found = names.settings("search") or names.settings("domain")
    if names.domain not in found:
        yield f"bare names are completed by {', '.join(found) or 'nothing'}, not by {names.domain}"


def bare_name_resolves(names: Names) -> Iterator[str]:
    """What an application asks for is found as it asks for it."""
    found = names.host.run(f"getent ahostsv4 {names.service}")
    if found.rc != 0:
        yield f"{names.service} is unknown"


def is_reached(names: Names) -> Iterator[str]:
    """What the name stands for takes connections."""
    found = names.host.run(f"getent ahostsv4 {names.service}").stdout.split()
    if found:
        seen = probes.tcp(FromHost(names.host), found[0], names.port, timeout=1)
        if not seen.is_open:
            yield f"{names.service} is {found[0]}, which answers no connection: {seen.answer}"


def is_soon_forgotten(names: Names) -> Iterator[str]:
    """A change of the name is seen within a minute."""
    for kind in ("CNAME", "A"):
        seen = names.ask(names.absolute, kind)
        if seen.is_open and seen.facts["records"] and seen.facts["ttl"] > LONGEST:
            yield f"{names.service} is remembered for {seen.facts['ttl']} seconds"
            return


def unknown_is_soon_forgotten(names: Names) -> Iterator[str]:
    """A new name is seen within a minute: the smaller number of the SOA record (RFC 2308)."""
    seen = names.ask(names.domain, "SOA")
    if seen.is_open and seen.facts["records"]:
        # The probe gives such a record as it lies in the message, in hexadecimal; its last number is 32 bits.
        minimum = int(str(seen.facts["records"][0])[-8:], 16)
        remembered = min(int(seen.facts["ttl"]), minimum)
        if remembered > LONGEST:
            yield f"unknown names are remembered for {remembered} seconds"


CHECKS: Mapping[str, Callable[[Names], Iterator[str]]] = {
    "server-answers": server_answers,
    "searches": searches,
    "bare-name-resolves": bare_name_resolves,
    "is-reached": is_reached,
    "is-soon-forgotten": is_soon_forgotten,
    "unknown-is-soon-forgotten": unknown_is_soon_forgotten,
}
"""Name to check; each yields what is wrong."""
