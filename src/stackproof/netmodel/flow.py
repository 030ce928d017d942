"""What travels: a protocol with a port, or an ICMP message with its type and code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
ANY = "-1"
PORTS = ("tcp", "udp")
MESSAGES = ("icmp", "icmpv6")

EPHEMERAL_LINUX = (32768, 60999)
"""Source ports of Linux clients (net.ipv4.ip_local_port_range)."""

EPHEMERAL_ANY = (1024, 65535)
"""Source ports of load balancers, NAT gateways, functions and strangers (AWS: ephemeral ports)."""


def protocol_of(value: Any) -> str:
    """A protocol as rules write it (``tcp``, ``6``, ``-1``, ``all``), by its name where it has one."""
    text = str(value).lower()
    return _NUMBERS.get(text, text)


@dataclass(frozen=True, slots=True)
class Flow:
    """A first packet: protocol, destination port (ICMP: type; 8 is an echo request) and ICMP code.

    ``family`` is 4 or 6.
    """

    protocol: str
    port: int
    code: int = 0
    family: int = 4

    def __str__(self) -> str:
        if self.protocol in MESSAGES:
            return f"{self.protocol} type {self.port}"
        return f"{self.protocol} {self.port}"

    @classmethod
    def parse(cls, text: str) -> Flow:
        """``tcp/22``, ``udp/53``, ``icmp`` (an echo request). Raises ``ValueError``."""
        protocol, _, port = text.partition("/")
        if protocol == "icmp" and not port:
            return cls("icmp", 8)
        if protocol == "icmpv6" and not port:
            return cls("icmpv6", 128, family=6)
        if protocol not in (*PORTS, *MESSAGES) or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"'{text}' is no flow: tcp/22, udp/53 or icmp")
        return cls(protocol, int(port))
