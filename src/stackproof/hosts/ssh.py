"""ssh configuration of a host: what its inventory says, and one connection that all commands share."""

from __future__ import annotations

from pathlib import Path

from stackproof.errors import ConfigError
from stackproof.hosts.model import Ssh

_LONGEST = 90
"""A path of a Unix socket has 108 bytes at most (unix(7)); ssh adds 17 while it makes one."""


def write_config(folder: Path, ssh: Ssh, root: Path, *, number: int = 0) -> Path:
    """Write the ssh_config for a host into ``folder`` and return it.

    ssh takes the first value that it finds for each option: the inventory's own values come before the
    included file, the multiplexing only stands in for what nobody set. Raises ``ConfigError``.
    """
    lines = ["Host *"]
    options = {
        "User": ssh.user,
        "Port": str(ssh.port or ""),
        "IdentityFile": str(root / ssh.identity) if ssh.identity else "",
        "IdentitiesOnly": "yes" if ssh.identity else "",
        "ProxyJump": ssh.jump,
        "ProxyCommand": ssh.proxy,
        "UserKnownHostsFile": str(root / ssh.known_hosts) if ssh.known_hosts else "",
        "BatchMode": "yes",
    }
    lines += [f"  {name} {_quoted(name, value)}" for name, value in options.items() if value]
    if ssh.config:
        included = root / ssh.config
        if not included.is_file():
            raise ConfigError(
                "the ssh configuration that the inventory names is not there", file=str(included)
            )
        lines += [f"Include {_quoted('Include', str(included))}", "Host *"]
    if ssh.multiplex:
        socket = folder / f"c{number}"
        if len(str(socket)) > _LONGEST:
            message = f"'{folder}' is too long a path for a control socket"
            raise ConfigError(message, hint="set STACKPROOF_HOSTS to a folder with a shorter path")
        lines += ["  ControlMaster auto", f"  ControlPath {socket}-%p", f"  ControlPersist {ssh.persist}s"]
    # A host that dies in mid-run says nothing: without a sign of life within a minute it is given up.
    lines += ["  ServerAliveInterval 15", "  ServerAliveCountMax 4"]
    file = folder / f"ssh{number}.config"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _quoted(name: str, value: str) -> str:
    if "\n" in value or '"' in value:
        raise ConfigError(f"ssh's {name} cannot be {value!r}")
    return f'"{value}"' if " " in value and name != "ProxyCommand" else value
