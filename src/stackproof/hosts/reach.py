"""From a running host to the testinfra host that the checks ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from stackproof.errors import ConfigError, UsageError
from stackproof.hosts.lost import HostUnreachable
from stackproof.hosts.registered import register
from stackproof.hosts.ssh import write_config
from stackproof.hosts.urls import SYSTEMS_MANAGER
from stackproof.hosts.watched import Watched

if TYPE_CHECKING:
    from testinfra.backend.base import BaseBackend
    from testinfra.host import Host

    from stackproof.hosts.model import Running
    from stackproof.hosts.session import Session


def host_of(running: Running, session: Session) -> Host:
    """The testinfra host. Commands run as root where the inventory says ``sudo``.

    Running one raises ``HostUnreachable`` when the host cannot be reached; of a host that the session made
    (not of one that a check reaches in its own way) the session remembers it.
    """
    kept = session.reached.get(running.name)
    return kept[1] if kept is not None and kept[0] is running else _watched(running, session)[0]


def first_asked(running: Running, session: Session) -> Running:
    """Ask a host something that must succeed; what it is found to lack that was stated, it has not.

    An existing host that is another system than stated is noted as mistaken. Raises ``HostUnreachable``.
    """
    entry = running.entry
    try:
        host, watched = _watched(running, session)
    except (ConfigError, UsageError, RuntimeError) as error:
        raise HostUnreachable(entry.name, str(error), "the inventory") from error
    known = watched.ask()
    if entry.provider == "existing":
        if known.system and not _is_system(known.system, entry.system):
            session.mistaken[entry.name] = f"is {known.system}, the inventory says {entry.system}"
        lacking = {
            name: why
            for name, there, why in (
                ("can", known.can, "no network interface of it is one of CAN"),
                ("privileged", known.root, "neither is its user root, nor does sudo let it become root"),
            )
            if name in running.capabilities and not there
        }
        if lacking:
            capabilities = running.capabilities - set(lacking)
            running = replace(running, capabilities=capabilities, lacking={**running.lacking, **lacking})
    session.reached[running.name] = running, host
    return running


def _is_system(found: str, written: str) -> bool:
    """``rocky-9`` is said of 9.4, too; a distribution without versions has any."""
    return (
        found == written
        or found.startswith(f"{written}.")
        or (found.endswith("-") and written.startswith(found))
    )


def _watched(running: Running, session: Session) -> tuple[Host, Watched]:
    from testinfra.host import Host

    register()
    backend = _backend(running, session)
    host = Host(backend)
    backend.set_host(host)

    def lost(error: HostUnreachable) -> None:
        kept = session.reached.get(running.name)
        if kept is not None and kept[1] is host:
            session.lose(running.name, error)

    watched = Watched(backend, running.name, str(session.folder), lost)
    # Everything that asks a host does so by the method of its backend.
    setattr(backend, "run", watched)  # noqa: B010
    return host, watched


def _backend(running: Running, session: Session) -> BaseBackend:
    from testinfra.backend import get_backend

    entry = running.entry
    url = urlsplit(running.url)
    options: dict[str, Any] = {"sudo": True} if entry.sudo else {}
    if url.scheme == "chroot":
        from stackproof.hosts.entered import FolderBackend

        # testinfra takes a URL's host for the folder, which has none: chroot:///path reads as ''.
        return FolderBackend(url.path, **options)
    if url.scheme == "ssh":
        number = session.count()
        config = write_config(session.folder, running.ssh or entry.ssh, session.root, number=number)
        options |= {"ssh_config": str(config), "controlpersist": 0}
    if url.scheme == "aws-ssm":
        given = parse_qs(url.query)
        options |= _systems_manager(session) | {
            name: given[name][0] for name in SYSTEMS_MANAGER if name in given
        }
    return get_backend(running.url, **options)


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
