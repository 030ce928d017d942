"""Programs of this machine that providers need, sought where a session seeks them."""

from __future__ import annotations

from collections.abc import Sequence

from stackproof.hosts import images
from stackproof.hosts.model import HostEntry, Need
from stackproof.hosts.programs import program


def tool(name: str, package: str, why: str) -> Need:
    """A program and the distribution's package that brings it."""
    return Need(name, bool(program(name)), package, why)


def ip() -> Need:
    """For networks and their namespaces."""
    return tool("ip", "iproute2", "networks")


def mount() -> Need:
    """For file systems of images and overlays."""
    return tool("mount", "mount", "shows file systems")


def nsenter() -> Need:
    """For commands in a host that is booted by nspawn, or that stands in a namespace."""
    return tool("nsenter", "util-linux", "asks hosts in namespaces")


def image(entry: HostEntry, *, disk: bool = False) -> Sequence[Need]:
    """What the image of a host needs, with all that it is made from."""
    hardened = next((one for one in entry.images if one.playbook), None)
    found = images.needs(hardened or next(iter(entry.images), None), disk=disk)
    own_mounts = tool("unshare", "util-linux", "keeps the mounts of a build apart")
    return (*found, own_mounts, mount())
