"""What a machine that QEMU emulates is given: its disks, its first script, the way in by ssh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

GATEWAY: Final = "10.213.9.1"
ADDRESS: Final = "10.213.9.2"
PORT: Final = 2222
"""Of the sshd that the inspection brings; the image's own stays on 22."""

_FIRST: Final = """
mkdir -p /run/inspect /run/sshd /run/systemd/network /run/systemd/system/multi-user.target.wants
chmod 700 /run/inspect
cp /mnt/host_key /mnt/authorized_keys /mnt/sshd_config /run/inspect/
chmod 600 /run/inspect/*
cp /mnt/inspect.service /run/systemd/system/
ln -s ../inspect.service /run/systemd/system/multi-user.target.wants/inspect.service
cp /mnt/05-inspect.network /run/systemd/network/
echo {name} > /etc/hostname
umount /mnt
exec /sbin/init
"""

_UNIT: Final = """
[Unit]
Description=The way in of the inspection
After=network.target
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -f /run/inspect/sshd_config
"""

_SSHD: Final = """
Port {port}
HostKey /run/inspect/host_key
AuthorizedKeysFile /run/inspect/authorized_keys
PermitRootLogin prohibit-password
AllowUsers root
UsePAM no
PidFile none
"""

_NETWORK: Final = """
[Match]
Name=en* eth*
[Network]
Address={address}/24
Gateway={gateway}
LinkLocalAddressing=no
IPv6AcceptRA=no
"""

_SSH: Final = """
Host *
  HostName {address}
  Port {port}
  User root
  IdentityFile {key}
  IdentitiesOnly yes
  StrictHostKeyChecking accept-new
  UserKnownHostsFile {folder}/known_hosts
  LogLevel ERROR
  BatchMode yes
  ConnectTimeout 20
  ServerAliveInterval 5
  ServerAliveCountMax 6
  ProxyCommand ip netns exec {lan} {python} -m stackproof.hosts.fdpass {address} {port}
  ProxyUseFdpass yes
"""


def prepare(folder: Path, name: str, lan: str, python: str, session: Session) -> Path:
    """Write the guest's second disk (``guest.raw``) and the ssh_config to reach it by; returns that."""
    guest, key, config = folder / "guest", folder / "key", folder / "ssh_config"
    guest.mkdir()
    for file in (key, guest / "host_key"):
        session.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "stackproof", "-f", str(file)])
    (guest / "authorized_keys").write_bytes(key.with_suffix(".pub").read_bytes())
    written = {
        "first": _FIRST.format(name=name),
        "inspect.service": _UNIT,
        "sshd_config": _SSHD.format(port=PORT),
        "05-inspect.network": _NETWORK.format(address=ADDRESS, gateway=GATEWAY),
    }
    for file_name, content in written.items():
        (guest / file_name).write_text(content.lstrip(), encoding="utf-8")
    session.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(guest), str(folder / "guest.raw"), "4M"])
    text = _SSH.format(address=ADDRESS, port=PORT, key=key, folder=folder, lan=lan, python=python)
    config.write_text(text, encoding="utf-8")
    return config


def command(folder: Path, disk: Path, boot: tuple[Path, Path], memory: int, session: Session) -> list[str]:
    """QEMU as a process: no KVM, no display; the disk is a copy-on-write file over ``disk``."""
    own = folder / "disk.qcow2"
    base = ["-f", "qcow2", "-F", "raw", "-b", str(disk)]
    session.run(["qemu-img", "create", "-q", *base, str(own)])
    kernel, memory_disk = boot
    first = "mount -r -t ext4 /dev/vdb /mnt && . /mnt/first"
    return [
        "qemu-system-x86_64",
        *("-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", f"{memory}M"),
        *("-display", "none", "-no-reboot", "-monitor", "none", "-serial", f"file:{folder / 'console.log'}"),
        *("-drive", f"file={own},format=qcow2,if=virtio,cache=unsafe"),
        *("-drive", f"file={folder / 'guest.raw'},format=raw,if=virtio,readonly=on"),
        *("-netdev", "tap,id=lan,ifname=lan0,script=no,downscript=no", "-device", "virtio-net,netdev=lan"),
        *("-device", "virtio-rng"),
        *("-kernel", str(kernel), "-initrd", str(memory_disk)),
        "-append",
        f'root=/dev/vda1 rw console=ttyS0 init=/bin/sh -- -c "{first}"',
    ]
