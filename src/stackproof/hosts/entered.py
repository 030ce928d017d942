"""testinfra backends for what lives on this machine.

``nsenter://<pid>`` enters a machine that was booted here, ``netns://<namespace>`` a network namespace beside
this machine's files; a folder with a root file system is entered by chroot. All give commands the same few
variables, whoever started the inspection, and say themselves when there is nothing left to enter.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testinfra.backend import base

from stackproof.hosts.machines import enter
from stackproof.hosts.programs import CLEAN, program
from stackproof.hosts.undo import alive, start_time


class Entered(base.BaseBackend):
    """Runs commands by a program of this machine that enters something; needs root."""

    def entry(self) -> Sequence[str]:
        """The command before a command: a program of this machine and its arguments."""
        raise NotImplementedError

    def gone(self) -> str:
        """Why there is nothing to enter any more; empty as long as there is."""
        raise NotImplementedError

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run by the shell inside, as root. Raises ``FileNotFoundError`` when this machine has no program."""
        text = self.get_command(command, *args)
        name, *rest = self.entry()
        if not (found := program(name)):
            raise FileNotFoundError(f"{name} is not on this machine")
        words: list[str | bytes] = [found, *rest, "/bin/sh", "-c", self.encode(text)]
        done = subprocess.run(words, input=b"", capture_output=True, check=False, env=CLEAN)
        return self.result(done.returncode, self.encode(text), done.stdout, done.stderr)


class NsenterBackend(Entered):
    """The machine whose init is the process ``pid`` of this machine, by nsenter."""

    NAME = "nsenter"

    def __init__(self, pid: str, *args: Any, **kwargs: Any) -> None:
        self._leader, self._born = int(pid), start_time(int(pid))
        super().__init__(pid, *args, **kwargs)

    def entry(self) -> Sequence[str]:
        """All namespaces of its init."""
        return enter(self._leader)

    def gone(self) -> str:
        """An init that ends loses its namespaces first (``do_exit`` of the kernel)."""
        there = alive(self._leader, self._born) and Path(f"/proc/{self._leader}/ns/mnt").exists()
        return "" if there else "its init has ended"


class NetnsBackend(Entered):
    """This machine's files inside a network namespace of it, by ip."""

    NAME = "netns"

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        self._name = name
        super().__init__(name, *args, **kwargs)

    def entry(self) -> Sequence[str]:
        """The namespace by its name."""
        return ["ip", "netns", "exec", self._name]

    def gone(self) -> str:
        """Named namespaces are files (ip-netns(8))."""
        return "" if Path("/run/netns", self._name).exists() else "its network namespace is gone"


class FolderBackend(Entered):
    """A folder with a root file system, by chroot. ``/proc`` and the like are what is mounted there."""

    NAME = "chroot"

    def entry(self) -> Sequence[str]:
        """The folder."""
        return ["chroot", self.hostname]

    def gone(self) -> str:
        """It must have a shell: an image that is not mounted any more is an empty folder."""
        if not Path(self.hostname).is_dir():
            return f"there is no folder {self.hostname}"
        shell = Path(self.hostname, "bin", "sh")
        return "" if shell.is_symlink() or shell.exists() else f"{self.hostname} has no /bin/sh"
