"""testinfra backends for what lives on this machine: ``nsenter://<pid>`` and ``netns://<namespace>``.

The first enters a machine that was booted here, the second a network namespace beside this machine's files.
"""

from __future__ import annotations

from typing import Any

from testinfra.backend import base

from stackproof.hosts.machines import enter

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CLEAN = f"env -i {_PATH} HOME=/root LANG=C.UTF-8 /bin/sh -c"


class NsenterBackend(base.BaseBackend):
    """Runs commands inside the machine whose init is the process ``pid`` of this machine; needs root."""

    NAME = "nsenter"

    def __init__(self, pid: str, *args: Any, **kwargs: Any) -> None:
        self._command = " ".join(enter(int(pid)))
        super().__init__(pid, *args, **kwargs)

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run by the machine's shell, as root, with an environment as a login has."""
        text = self.get_command(command, *args)
        out = self.run_local(f"{self._command} {_CLEAN} %s", text)
        out.command = self.encode(text)
        return out


class NetnsBackend(base.BaseBackend):
    """Runs commands of this machine inside a network namespace of it; needs root."""

    NAME = "netns"

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        self._name = name
        super().__init__(name, *args, **kwargs)

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run by this machine's shell, as root."""
        text = self.get_command(command, *args)
        out = self.run_local(f"ip netns exec %s {_CLEAN} %s", self._name, text)
        out.command = self.encode(text)
        return out
