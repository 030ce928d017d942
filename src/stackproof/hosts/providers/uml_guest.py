"""What a user-mode-linux kernel is given: its command line, its first script, the way in by ssh."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackproof.hosts.locks import locked

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

GATEWAY: Final = "10.213.8.1"
ADDRESS: Final = "10.213.8.2"
_SHIM: Final = Path(__file__).with_name("uml_xstate.c")

_NOT_THERE: Final = (
    "systemd-udev-trigger.service",
    *(f"modprobe@{module}.service" for module in ("configfs", "dm_mod", "drm", "efi_pstore", "fuse", "loop")),
    "systemd-binfmt.service",
    "e2scrub_reap.service",
)
"""Units that look for hardware which user-mode-linux has not: a third of the time that it takes to boot."""

_FIRST: Final = """
mount -t proc proc /proc 2>/dev/null
mkdir -p /usr/lib/modules /root/.ssh
mount -t hostfs -o {modules} none /usr/lib/modules
cp /mnt/authorized_keys /root/.ssh/authorized_keys
chmod 700 /root/.ssh; chmod 600 /root/.ssh/authorized_keys
echo {name} > /etc/hostname
rm -f /etc/machine-id; : > /etc/machine-id
ip link set lo up
ip link set vec0 up
ip address add {address}/24 dev vec0
ip route add default via {gateway}
umount /mnt
exec /sbin/init
"""

_SSH: Final = """
Host *
  HostName {address}
  User root
  IdentityFile {key}
  IdentitiesOnly yes
  StrictHostKeyChecking accept-new
  UserKnownHostsFile {folder}/known_hosts
  LogLevel ERROR
  BatchMode yes
  ConnectTimeout 10
  ServerAliveInterval 3
  ServerAliveCountMax 3
  ProxyCommand ip netns exec {lan} {python} -m stackproof.hosts.fdpass {address} 22
  ProxyUseFdpass yes
"""


def wants_shim(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has a register state (AMX) that the kernel's buffer does not hold."""
    try:
        return " amx_tile" in cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def prepare(folder: Path, name: str, modules: Path, lan: str, session: Session) -> Path:
    """Write the guest's folder, a key of its own, and the ssh_config by which it is reached; returns that."""
    guest, key, config = folder / "guest", folder / "key", folder / "ssh_config"
    guest.mkdir()
    session.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "stackproof", "-f", str(key)])
    (guest / "authorized_keys").write_bytes(key.with_suffix(".pub").read_bytes())
    script = _FIRST.format(modules=modules, name=name, address=ADDRESS, gateway=GATEWAY)
    (guest / "first").write_text(script, encoding="utf-8")
    text = _SSH.format(address=ADDRESS, key=key, folder=folder, lan=lan, python=sys.executable)
    config.write_text(text, encoding="utf-8")
    return config


def command(folder: Path, disk: Path, memory: int, lan: str, session: Session) -> list[str]:
    """The kernel as a process of the namespace, its disk a copy-on-write file of the session."""
    preload = ["env", f"LD_PRELOAD={_shim(session)}"] if wants_shim() else []
    script = f"mount -t hostfs -o {folder / 'guest'} none /mnt; . /mnt/first"
    return [
        "ip",
        "netns",
        "exec",
        lan,
        *preload,
        "linux.uml",
        f"mem={memory}M",
        f"ubd0={folder / 'disk.cow'},{disk}",
        "root=/dev/ubda1",
        "rw",
        "vec0:transport=tap,ifname=lan0,depth=128",
        "net.ifnames=0",
        "con=null",
        "con0=null,fd:1",
        f"umid={folder.name}",
        f"uml_dir={folder}",
        "random.trust_cpu=on",
        "selinux=0",
        *(f"systemd.mask={one}" for one in _NOT_THERE),
        "init=/bin/sh",
        "--",
        "-c",
        f'"{script}"',
    ]


def _shim(session: Session) -> Path:
    """The compiled shim, kept under the digest of its source."""
    digest = hashlib.sha256(_SHIM.read_bytes()).hexdigest()[:16]
    library = session.cache / "uml" / f"xstate-{digest}.so"
    with locked(library.with_suffix(".lock")):
        if not library.is_file():
            partial = library.with_suffix(f".{session.id}")
            session.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(partial), str(_SHIM), "-ldl"])
            partial.rename(library)
    return library
