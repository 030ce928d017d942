"""Networks of namespaces: what templates say of a network, built on one machine with the kernel's own means.

``network(session, name)`` gives the network of that name of the inventory, built when it is first asked for.
"""

from stackproof.hosts.netns.built import BuiltNetwork, network
from stackproof.hosts.netns.layout import Layout, Member, lay_out

__all__ = ["BuiltNetwork", "Layout", "Member", "lay_out", "network"]
