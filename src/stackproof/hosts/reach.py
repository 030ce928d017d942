"""From a running host to the testinfra host that the checks ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stackproof.hosts.registered import register
from stackproof.hosts.ssh import write_config

if TYPE_CHECKING:
    from testinfra.host import Host

    from stackproof.hosts.model import Running
    from stackproof.hosts.session import Session


def host_of(running: Running, session: Session) -> Host:
    """The testinfra host. Commands run as root where the inventory says ``sudo``."""
    from testinfra.host import Host

    register()
    entry = running.entry
    url = urlsplit(running.url)
    options: dict[str, Any] = {"sudo": True} if entry.sudo else {}
    if url.scheme == "chroot":
        # testinfra takes a URL's host for the folder, which has none: chroot:///path reads as ''.
        return Host.get_host(url.path, connection="chroot", **options)
    if url.scheme == "ssh":
        number = session.count()
        config = write_config(session.folder, running.ssh or entry.ssh, session.root, number=number)
        return Host.get_host(running.url, ssh_config=str(config), controlpersist=0, **options)
    if url.scheme == "aws-ssm":
        options |= _systems_manager(session)
    return Host.get_host(running.url, **options)


def _systems_manager(session: Session) -> dict[str, Any]:
    given = session.inventory.connection
    values = {
        "region": given.region,
        "profile": given.profile,
        "endpoint": given.endpoint,
        "output_bucket": given.output_bucket,
        "output_prefix": given.output_prefix,
    }
    return {name: value for name, value in values.items() if value}


def file_root(running: Running) -> Path | None:
    """Where the host's files lie on this machine; None when they do not."""
    found = running.paths.get("root")
    return Path(found) if found else None
