"""A testinfra backend that enters the namespaces of a machine booted on this one: ``nsenter://<pid>``."""

from __future__ import annotations

from typing import Any

from testinfra.backend import base

from stackproof.hosts.machines import enter


class NsenterBackend(base.BaseBackend):
    """Runs commands inside the machine whose init is the process ``pid`` of this machine; needs root."""

    NAME = "nsenter"

    def __init__(self, pid: str, *args: Any, **kwargs: Any) -> None:
        self._command = " ".join(enter(int(pid)))
        super().__init__(pid, *args, **kwargs)

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run by the machine's shell, as root, with an environment as a login has."""
        text = self.get_command(command, *args)
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        out = self.run_local(f"{self._command} env -i {path} HOME=/root LANG=C.UTF-8 /bin/sh -c %s", text)
        out.command = self.encode(text)
        return out
