"""Files in /etc that a host of a namespace has to itself.

``ip netns exec`` shows each entry of ``/etc/netns/<namespace>`` in the place of that entry of ``/etc``
(ip-netns(8)); the entry must be there in ``/etc``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackproof.hosts.netns.built import BuiltNetwork

_ROOT = Path("/etc/netns")


def etc_of(network: BuiltNetwork, node: str) -> Path:
    """The folder with the host's own entries of ``/etc``; gone with the session."""
    session = network.session
    path = _ROOT / network.node(node).namespace
    key = f"etc {path}"
    if key not in session.shared:
        session.made("path", str(path))
        path.mkdir(parents=True)
        session.shared[key] = path
    return path


def hosts_file(network: BuiltNetwork, node: str, names: dict[str, str]) -> None:
    """The host's ``/etc/hosts``: addresses by name."""
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in names.items())]
    (etc_of(network, node) / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
