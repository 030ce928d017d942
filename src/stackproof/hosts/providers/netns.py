"""``netns``: a host of a template, in a network of namespaces that is built as templates say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.errors import BackendError, ConfigError
from stackproof.hosts import images, machines
from stackproof.hosts.machines import Machine
from stackproof.hosts.model import HostEntry, Need, Running
from stackproof.hosts.netns.userdata import APT, user_data
from stackproof.hosts.providers import tools

if TYPE_CHECKING:
    from stackproof.hosts.netns.built import BuiltNetwork
    from stackproof.hosts.session import Session

_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GIVES = frozenset({"runtime", "network", "transient", "privileged"})
_WHY = {
    "own-kernel": "a namespace shares this machine's kernel",
    "audit": "the kernel's audit system is not there for a namespace",
    "can": "a namespace shares this machine's kernel",
    "hardware-time-stamps": "its interface is a pair of virtual ones",
    "image": "its file system is in use",
}


class NetnsProvider:
    """Settings: ``network`` of the inventory, ``node`` (a host of it); ``image``, ``user_data``,
    ``commands``, ``start``, ``ready``.

    With ``image`` the host is booted by nspawn in the node's namespace and ``commands`` run inside it, after
    the template's own user data with ``user_data: true`` (apt-get then fails for what the image has not);
    without, it is this machine's files in the node's namespace. ``start`` are commands that run as long as
    the session (without an image only); ``ready`` lists what must listen at first (``tcp/80``).
    """

    def check(self, entry: HostEntry) -> None:
        """``network`` and ``node`` are required; what a namespace can never do is refused."""
        settings = entry.settings
        if settings is None:
            at = entry.location
            message = f"host '{entry.name}' needs 'settings: {{network: …, node: …}}'"
            raise ConfigError(message, file=at.file, line=at.line, column=at.column)
        settings.text("network")
        settings.text("node")
        image = settings.text("image", "")
        settings.texts("commands")
        if settings.flag("user_data", False) and not image:
            raise settings.refuse("user_data", "user data run on a host that has an image")
        if settings.texts("start") and image:
            raise settings.refuse("start", "a host with an image starts what it starts by itself")
        settings.texts("ready")
        settings.done()
        for one in sorted(entry.capabilities - _GIVES):
            reason = _WHY.get(one, "this provider does not give it")
            raise settings.refuse("", f"a host by netns cannot have '{one}': {reason}")

    def needs(self, entry: HostEntry) -> Sequence[Need]:
        """Namespaces and rules; with an image what it needs, and systemd-nspawn."""
        found = [
            Need("root", os.geteuid() == 0, "", "namespaces are made by root"),
            tools.ip(),
            tools.tool("nft", "nftables", "security groups and network ACLs"),
        ]
        if entry.settings is not None and "image" in entry.settings:
            boots = tools.tool("systemd-nspawn", "systemd-container", "boots an image")
            found += [*tools.image(entry), boots, tools.nsenter()]
        return found

    def start(self, entry: HostEntry, session: Session) -> Running:
        """Build the network when it is not there, then the host in it. Raises ``BackendError``."""
        # Only now: it brings the templates' machinery with it.
        from stackproof.hosts.netns import network

        assert entry.settings is not None
        settings = entry.settings
        built = network(session, settings.text("network"))
        node = built.node(settings.text("node"))
        paths: dict[str, str] = {}
        url = f"netns://{node.namespace}"
        if "image" in settings:
            root = images.root_of(settings.text("image"), session)
            machine = machines.boot(session, entry.name, root, node.namespace)
            paths = {"root": str(machine.root), "log": str(machine.log)}
            url = f"nsenter://{machine.leader}"
            if settings.flag("user_data", False):
                _run_user_data(built, node.name, machine, session)
            for command in settings.texts("commands"):
                session.run([*machines.enter(machine.leader), *_environment(built), "sh", "-euc", command])
        else:
            for command in settings.texts("commands"):
                built.run(node.name, f"set -eu; {command}")
            for command in settings.texts("start"):
                built.start(node.name, ["/bin/sh", "-c", f"exec {command}"])
        for ready in settings.texts("ready"):
            _wait(built, node.name, ready, entry)
        facts = {"network": built.name, "node": node.name, "public": node.public}
        return Running(
            entry,
            url,
            _GIVES,
            lacking=_WHY,
            paths=paths,
            address=node.address,
            namespace=node.namespace,
            facts=facts,
        )


def _run_user_data(built: BuiltNetwork, node: str, machine: Machine, session: Session) -> None:
    """As cloud-init does: once, as root, by the interpreter that the script names."""
    inside = f"/proc/{machine.leader}/root/run/user-data"
    Path(inside).mkdir(mode=0o755)
    for name, text in (
        ("apt-get", APT),
        ("script", user_data(node, built.parts, built.layout)),
    ):
        file = Path(inside, name)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
    session.run([*machines.enter(machine.leader), *_environment(built), "/run/user-data/script"])


def _environment(built: BuiltNetwork) -> list[str]:
    """What commands inside a host know: ``ADDRESS_<node>`` is the address of each host of the network."""
    known = [
        f"ADDRESS_{''.join(one if one.isalnum() else '_' for one in name)}={host.address}"
        for name, host in built.nodes.items()
    ]
    return ["env", "-i", f"PATH=/run/user-data:{_SEARCH}", "HOME=/root", "LANG=C.UTF-8", *known]


def _wait(built: BuiltNetwork, node: str, ready: str, entry: HostEntry) -> None:
    try:
        built.wait(node, ready)
    except ValueError as error:
        raise BackendError(f"host '{entry.name}': {error}") from error
