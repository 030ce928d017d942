"""``uml``: an image booted by user-mode-linux, hence with a kernel of its own.

The disk of the image is the read-only base of a copy-on-write file of the session. The kernel's first program
is a shell that takes what it needs from a folder of the session (hostfs): the modules that belong to the
kernel, the address, the key for ssh. The image itself knows nothing of all this.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackproof.errors import BackendError, ConfigError
from stackproof.hosts import disks, machines
from stackproof.hosts.model import HostEntry, Need, Running, Ssh
from stackproof.hosts.providers import tools, uml_guest
from stackproof.hosts.undo import start_time

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_GIVES: Final = frozenset(
    {"runtime", "own-kernel", "audit", "can", "network", "shaping", "vlan", "privileged", "transient"}
)
_WHY: Final = {
    "hardware-time-stamps": "the interface of user-mode-linux stamps packets in software",
    "image": "its file system is in use",
}
_MODULES: Final = Path("/usr/lib/uml/modules")
_PATIENCE: Final = 240.0
_MEMORY: Final = 320
_AHEAD: Final = -10
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class UmlProvider:
    """Settings: ``image`` of the inventory; ``memory`` in MiB (320); ``grandmaster``; ``setup``, a folder
    whose ``start`` is run on the host as root before it is handed out, with ``arguments``.

    With ``grandmaster: true`` a PTP grandmaster (ptp4l, software time stamps) serves this machine's time.

    The host is 10.213.8.2/24; ``paths["lan"]`` names the namespace of its only neighbour 10.213.8.1.
    """

    def check(self, entry: HostEntry) -> None:
        """``image`` is required; what a kernel without hardware can never do is refused."""
        settings = entry.settings
        if settings is None:
            at = entry.location
            message = f"host '{entry.name}' needs 'settings: {{image: …}}'"
            raise ConfigError(message, file=at.file, line=at.line, column=at.column)
        settings.text("image")
        settings.integer("memory", _MEMORY, least=128)
        settings.text("setup", "")
        settings.texts("arguments")
        settings.flag("grandmaster", False)
        settings.done()
        for one in sorted(entry.capabilities - _GIVES):
            reason = _WHY.get(one, "this provider does not give it")
            raise settings.refuse("", f"a host by uml cannot have '{one}': {reason}")

    def needs(self, entry: HostEntry) -> Sequence[Need]:
        """What a disk needs, the kernel with its modules, a device for its network, perhaps a compiler."""
        tap = os.access("/dev/net/tun", os.R_OK | os.W_OK)
        kernel = shutil.which("linux.uml") is not None and _MODULES.is_dir()
        found = [
            *tools.image(entry, disk=True),
            tools.ip(),
            Need("linux.uml", kernel, "user-mode-linux", "a kernel that is a process"),
            Need("/dev/net/tun", tap, "", "its network"),
            Need("ssh", shutil.which("ssh") is not None, "openssh-client", "reaches it"),
        ]
        if entry.settings is not None and entry.settings.flag("grandmaster", False):
            ptp4l = shutil.which("ptp4l", path=_PATH) is not None
            found.append(Need("ptp4l", ptp4l, "linuxptp", "the grandmaster of its time"))
        if uml_guest.wants_shim():
            compiler = shutil.which("cc") is not None
            found.append(Need("cc", compiler, "gcc", "this processor's register state needs a small shim"))
        return found

    def start(self, entry: HostEntry, session: Session) -> Running:
        """Build what is not kept, boot it, wait for ssh, run the setup. Raises ``BackendError``."""
        assert entry.settings is not None
        settings = entry.settings
        disk = disks.disk_of(settings.text("image"), session)
        folder = session.scratch(f"uml-{entry.name}")
        lan = machines.namespace(session, f"{entry.name}-lan")
        session.run(["ip", "-n", lan, "tuntap", "add", "dev", "lan0", "mode", "tap"])
        session.run(["ip", "-n", lan, "address", "add", f"{uml_guest.GATEWAY}/24", "dev", "lan0"])
        session.run(["ip", "-n", lan, "link", "set", "lan0", "up"])
        guest = uml_guest.prepare(folder, entry.name, _MODULES, lan, session)
        command = uml_guest.command(folder, disk, settings.integer("memory", _MEMORY), lan, session)
        log = folder / "console.log"
        process = session.start(command, log=log, grace=5.0)
        running = Running(
            entry,
            f"ssh://root@{entry.name}",
            _GIVES,
            lacking=_WHY,
            paths={
                "log": str(log),
                "lan": lan,
                "ssh": str(guest),
                "pid": str(folder / folder.name / "pid"),
            },
            address=uml_guest.ADDRESS,
            namespace=lan,
            ssh=Ssh(config=str(guest)),
        )
        _wait(process, guest, entry.name, log)
        _put_ahead(process.pid)
        if settings.flag("grandmaster", False):
            master = ["ip", "netns", "exec", lan, "ptp4l", "-2", "-S", "-m", "-q", "-i", "lan0"]
            options = [f"--uds_address={folder}/ptp", "--priority1=10"]
            _put_ahead(session.start([*master, *options], log=folder / "ptp4l.log").pid)
        if setup := settings.text("setup", ""):
            self._set_up(running, session.root / setup, settings.texts("arguments"), session)
        return running

    def _set_up(self, running: Running, folder: Path, arguments: Sequence[str], session: Session) -> None:
        """Copy a folder to the host and run its ``start``."""
        if not (folder / "start").is_file():
            raise BackendError(f"host '{running.name}': {folder} has no file 'start'")
        config = running.paths["ssh"]
        packed = session.scratch("setup") / "setup.tar"
        session.run(["tar", "--create", f"--file={packed}", f"--directory={folder}", "."])
        # One connection: each takes a while where every system call takes long.
        inside = (
            "mkdir -p /opt/rig && tar --extract --directory=/opt/rig --no-same-owner && sh /opt/rig/start"
        )
        command = ["ssh", "-F", config, running.name, inside, *arguments]
        session.run(["sh", "-euc", 'exec "$@" < "$0"', str(packed), *command], timeout=_PATIENCE)


def _put_ahead(leader: int) -> None:
    """A rig has processors of its own: once it is up, its simulation goes before what else runs here.

    Of the whole session (sched(7), "The autogroup feature"), and of its group where there are no autogroups.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{leader}/autogroup").write_text(str(_AHEAD), encoding="ascii")
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, leader, _AHEAD)


def _wait(process: subprocess.Popen[bytes], config: Path, name: str, log: Path) -> None:
    """Until ssh answers; ``BackendError`` with the console's last lines when it never does."""
    end = time.monotonic() + _PATIENCE
    born = start_time(process.pid)
    while time.monotonic() < end and start_time(process.pid) == born != 0:
        probe = ["ssh", "-F", str(config), "-o", "ConnectTimeout=5", name, "true"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.25)
    said = log.read_text(encoding="utf-8", errors="replace")[-1500:].strip() or "it said nothing"
    raise BackendError(f"host '{name}' did not come up within {_PATIENCE:g} s: {said}")
