"""``nspawn``: an image that is booted by systemd-nspawn, with a network of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stackproof.errors import ConfigError
from stackproof.hosts import images, machines
from stackproof.hosts.model import HostEntry, Need, Running
from stackproof.hosts.providers import tools

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_GIVES = frozenset({"runtime", "network", "transient", "privileged"})
_WHY = {
    "own-kernel": "a container shares this machine's kernel",
    "audit": "the kernel's audit system is not there for a container",
    "can": "a container shares this machine's kernel",
    "hardware-time-stamps": "its interface is a pair of virtual ones",
    "image": "its file system is in use",
}
GATEWAY = "10.213.7.1"
ADDRESS = "10.213.7.2"


class NspawnProvider:
    """Settings: ``image``, the name of an image of the inventory.

    The host is 10.213.7.2/24 in a namespace of its own; ``paths["lan"]`` names the namespace of its only
    neighbour 10.213.7.1, from which it is probed. No other network reaches it.
    """

    def check(self, entry: HostEntry) -> None:
        """``image`` is required; what a container can never do is refused."""
        settings = entry.settings
        if settings is None:
            at = entry.location
            message = f"host '{entry.name}' needs 'settings: {{image: …}}'"
            raise ConfigError(message, file=at.file, line=at.line, column=at.column)
        settings.text("image")
        settings.done()
        for one in sorted(entry.capabilities - _GIVES):
            reason = _WHY.get(one, "this provider does not give it")
            raise settings.refuse("", f"a host by nspawn cannot have '{one}': {reason}")

    def needs(self, entry: HostEntry) -> Sequence[Need]:
        """What an image needs, and systemd-nspawn."""
        boots = tools.tool("systemd-nspawn", "systemd-container", "boots an image")
        return (*tools.image(entry), boots, tools.ip(), tools.nsenter())

    def start(self, entry: HostEntry, session: Session) -> Running:
        """Build what is not kept and boot it."""
        assert entry.settings is not None
        root = images.root_of(entry.settings.text("image"), session)
        own = machines.namespace(session, entry.name)
        lan = machines.namespace(session, f"{entry.name}-lan")
        machines.connect(session, lan, "lan0", own, "host0")
        session.run(["ip", "-n", lan, "address", "add", f"{GATEWAY}/24", "dev", "lan0"])
        session.run(["ip", "-n", own, "address", "add", f"{ADDRESS}/24", "dev", "host0"])
        machine = machines.boot(session, entry.name, root, own)
        return Running(
            entry,
            f"nsenter://{machine.leader}",
            _GIVES,
            lacking=_WHY,
            paths={"root": str(machine.root), "log": str(machine.log), "lan": lan},
            address=ADDRESS,
            namespace=own,
        )
