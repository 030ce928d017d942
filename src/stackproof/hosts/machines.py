"""Booting an image by systemd-nspawn, in a network namespace of its own.

The image is the read-only lower layer of an overlay whose upper layer belongs to the session: the host may
write, the image stays. The machine shares this machine's kernel.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.errors import BackendError
from stackproof.hosts.programs import CLEAN
from stackproof.hosts.undo import start_time

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_PATIENCE = 180.0


@dataclass(frozen=True, slots=True)
class Machine:
    """A booted image: ``leader`` is the process that is its init, ``root`` the merged file system."""

    name: str
    leader: int
    root: Path
    log: Path
    namespace: str


def namespace(session: Session, label: str) -> str:
    """A new network namespace of this session with its loopback up; returns its name."""
    name = f"sp-{session.id.rpartition('-')[2]}-{session.count()}-{label}"
    session.made("namespace", name)
    session.run(["ip", "netns", "add", name])
    session.run(["ip", "-n", name, "link", "set", "lo", "up"])
    return name


def connect(session: Session, name: str, device: str, to: str, other: str) -> None:
    """A pair of interfaces: ``device`` in namespace ``name``, ``other`` in namespace ``to``, both up."""
    pair = ["type", "veth", "peer", "name", other, "netns", to]
    session.run(["ip", "-n", name, "link", "add", device, *pair])
    session.run(["ip", "-n", name, "link", "set", device, "up"])
    session.run(["ip", "-n", to, "link", "set", other, "up"])


def boot(session: Session, name: str, root: Path, inside: str, *, options: Sequence[str] = ()) -> Machine:
    """Boot the root file system in the network namespace ``inside``; returns when its init has finished.

    Raises ``BackendError`` with the console's last lines when it does not come up within 180 s.
    """
    folder = session.scratch(f"machine-{name}")
    for layer in ("upper", "work", "root"):
        (folder / layer).mkdir()
    merged = folder / "root"
    layers = f"lowerdir={root},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    session.made("mount", str(merged))
    session.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(merged)])
    for unique in ("etc/machine-id", "etc/hostname"):
        (merged / unique).unlink(missing_ok=True)
    (merged / "etc" / "hostname").write_text(f"{name}\n", encoding="utf-8")
    (merged / "etc" / "machine-id").write_text("", encoding="utf-8")
    log = folder / "console.log"
    command = [
        "systemd-nspawn",
        "--quiet",
        f"--directory={merged}",
        f"--machine={name}",
        "--register=no",
        "--keep-unit",
        f"--network-namespace-path=/run/netns/{inside}",
        "--console=pipe",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        *options,
        "--boot",
    ]
    process = session.start(command, log=log, grace=8.0)
    return _wait(Machine(name, process.pid, merged, log, inside))


def enter(leader: int) -> list[str]:
    """The command before a command that shall run inside the machine."""
    return ["nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]


def _wait(machine: Machine) -> Machine:
    end = time.monotonic() + _PATIENCE
    runner, started = machine.leader, start_time(machine.leader)
    while time.monotonic() < end and start_time(runner) == started:
        # Asked anew each time: nspawn's first child only makes the one that becomes init.
        if leader := _child(runner):
            asked = subprocess.run(
                [*enter(leader), "systemctl", "is-system-running"],
                capture_output=True,
                text=True,
                check=False,
                env=CLEAN,
            )
            if asked.stdout.strip() in {"running", "degraded"}:
                return Machine(machine.name, leader, machine.root, machine.log, machine.namespace)
        time.sleep(0.05)
    said = machine.log.read_text(encoding="utf-8", errors="replace")[-1500:].strip() or "it said nothing"
    raise BackendError(f"host '{machine.name}' did not come up: {said}")


def _child(pid: int) -> int:
    """The first child of a process; 0 while it has none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(children[0]) if children else 0
