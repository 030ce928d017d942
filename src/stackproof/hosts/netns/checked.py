"""What of a network cannot be built on any machine, told at its line before anything is made."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from stackproof.errors import BackendError
from stackproof.hosts.model import NetworkSpec
from stackproof.model import Location
from stackproof.netmodel import Network


def check(network: Network, spec: NetworkSpec) -> None:
    """Raises ``BackendError`` for a block that is none, and for an address outside that lies in a VPC."""
    for name, cidr, at in _blocks(network):
        try:
            ipaddress.IPv4Network(cidr, strict=False)
        except ValueError:
            raise _wrong(f"{name}: '{cidr}' is no block of IPv4 addresses", at) from None
    for name, address in spec.outside.items():
        for vpc in network.vpcs.values():
            inside = [one for one in vpc.cidrs if _within(address, one)]
            if inside:
                message = (
                    f"'{name}' is to be outside, its address {address} lies in {inside[0]} of VPC {vpc.id}"
                )
                raise _wrong(message, spec.outside_places.get(name, spec.location))


def _blocks(network: Network) -> Iterator[tuple[str, str, Location]]:
    for vpc in network.vpcs.values():
        for cidr in vpc.cidrs:
            if ":" not in cidr:
                yield f"VPC {vpc.id}", cidr, vpc.location
    for subnet in network.subnets.values():
        if subnet.cidr:
            yield f"subnet {subnet.id}", subnet.cidr, subnet.location


def _within(address: str, cidr: str) -> bool:
    block = ipaddress.ip_network(cidr, strict=False)
    return ipaddress.ip_address(address) in block


def _wrong(message: str, at: Location) -> BackendError:
    return BackendError(message, file=at.file, line=at.line, column=at.column)
