"""``qemu``: a disk booted by QEMU with the kernel that lies on it.

The disk is the read-only base of a copy-on-write file of the session. The kernel's first program is a shell
that takes what it needs from a second, read-only disk: address, name, and a second sshd with a key of this
run. All of that goes to /run and the host's name only to /etc: the image knows nothing of it, and what it
does about logins stays as it is.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackproof.errors import BackendError, ConfigError
from stackproof.hosts import disks, machines, packed
from stackproof.hosts.model import HostEntry, Need, Running, Ssh
from stackproof.hosts.providers import qemu_guest, tools
from stackproof.hosts.undo import start_time

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_GIVES: Final = frozenset({"runtime", "own-kernel", "audit", "network", "privileged", "transient"})
_WHY: Final = {
    "hardware-time-stamps": "its interface is a virtual one",
    "image": "its file system is in use",
    "can": "the kernels for virtual machines have no CAN; provider uml has one",
}
_PATIENCE: Final = 600.0
_MEMORY: Final = 768


class QemuProvider:
    """Settings: ``image`` of the inventory, which must hold a kernel; ``memory`` in MiB (768).

    The host is 10.213.9.2/24; ``paths["lan"]`` names the namespace of its only neighbour 10.213.9.1. It is
    emulated without KVM, so that it works in any machine: booting takes half a minute and more.
    """

    def check(self, entry: HostEntry) -> None:
        """``image`` is required; what an emulated machine can never do is refused."""
        settings = entry.settings
        if settings is None:
            at = entry.location
            message = f"host '{entry.name}' needs 'settings: {{image: …}}'"
            raise ConfigError(message, file=at.file, line=at.line, column=at.column)
        settings.text("image")
        settings.integer("memory", _MEMORY, least=256)
        settings.done()
        for one in sorted(entry.capabilities - _GIVES):
            reason = _WHY.get(one, "this provider does not give it")
            raise settings.refuse("", f"a host by qemu cannot have '{one}': {reason}")

    def needs(self, entry: HostEntry) -> Sequence[Need]:
        """What disks and Packer need (QEMU among it), and a device for the network."""
        tap = os.access("/dev/net/tun", os.R_OK | os.W_OK)
        return (
            *tools.image(entry, disk=True),
            *packed.needs(),
            tools.ip(),
            Need("/dev/net/tun", tap, "", "its network"),
            Need("ssh", shutil.which("ssh") is not None, "openssh-client", "reaches it"),
        )

    def start(self, entry: HostEntry, session: Session) -> Running:
        """Build what is not kept, boot it, wait for ssh. Raises ``BackendError`` with its console."""
        assert entry.settings is not None
        disk = disks.disk_of(entry.settings.text("image"), session)
        folder = session.scratch(f"qemu-{entry.name}")
        lan = machines.namespace(session, f"{entry.name}-lan")
        session.run(["ip", "-n", lan, "tuntap", "add", "dev", "lan0", "mode", "tap"])
        session.run(["ip", "-n", lan, "address", "add", f"{qemu_guest.GATEWAY}/24", "dev", "lan0"])
        session.run(["ip", "-n", lan, "link", "set", "lan0", "up"])
        config = qemu_guest.prepare(folder, entry.name, lan, sys.executable, session)
        memory = entry.settings.integer("memory", _MEMORY)
        command = qemu_guest.command(folder, disk, disks.boot_files(disk, folder, session), memory, session)
        process = session.start(["ip", "netns", "exec", lan, *command], log=folder / "qemu.log", grace=1.0)
        _wait(process, config, entry.name, folder, session)
        return Running(
            entry,
            f"ssh://root@{entry.name}",
            _GIVES,
            lacking=_WHY,
            paths={"log": str(folder / "console.log"), "lan": lan, "ssh": str(config), "disk": str(disk)},
            address=qemu_guest.ADDRESS,
            namespace=lan,
            ssh=Ssh(config=str(config)),
        )


def _wait(process: Any, config: Path, name: str, folder: Path, session: Session) -> None:
    """Until the host says that it is up; ``BackendError`` with the last lines when it never does."""
    end = time.monotonic() + _PATIENCE
    born = start_time(process.pid)
    probe = ["ssh", "-F", str(config), "-o", "ConnectTimeout=5", name, "systemctl is-system-running || :"]
    while time.monotonic() < end and start_time(process.pid) == born != 0:
        try:
            if session.run(probe, timeout=60).strip() in {"running", "degraded"}:
                return
        except BackendError:
            pass
        time.sleep(0.5)
    said = ""
    for log in (folder / "qemu.log", folder / "console.log"):
        if log.is_file():
            said += log.read_text(encoding="utf-8", errors="replace")[-1500:].strip()
    raise BackendError(f"host '{name}' did not come up within {_PATIENCE:g} s: {said or 'it said nothing'}")
