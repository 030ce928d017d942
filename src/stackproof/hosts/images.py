"""Images: a root file system from its recipe, hardened by a playbook, and how it is written to a disk.

Each step is kept under the digest of all that it is made from; a step that is there is not made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.errors import BackendError
from stackproof.hosts import rootfs
from stackproof.hosts.keeping import replacing, writable
from stackproof.hosts.locks import building, locked
from stackproof.hosts.model import ImageSpec, Need
from stackproof.hosts.programs import program
from stackproof.model import Location

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

OFFSET = 1024 * 1024
"""Where the partition starts on a disk, in bytes."""

_ENDED = "' ended with "
"""How ``Session.run`` goes on behind the command that failed."""
_SPARE_MIB = 160
_TIME_LIMIT = 900.0

_INSIDE = """
set -eu
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cp /etc/resolv.conf "$root/run/resolv.conf"
[ -e "$root/etc/resolv.conf" ] && mount --bind "$root/run/resolv.conf" "$root/etc/resolv.conf"
mkdir -p "$root/run/sshd"
exec "$@"
"""
"""Runs a command for a root file system with what programs expect to be mounted in it.

It runs in a mount namespace of its own: the kernel unmounts all of it when the command ends, however it ends.
"""

_INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install --yes --no-install-recommends "$@"
"""


def needs(spec: ImageSpec | None = None, *, disk: bool = False) -> Sequence[Need]:
    """What making an image asks of the machine."""
    found = list(rootfs.needs())
    if disk:
        found += [
            _tool("sfdisk", "fdisk", "parts a disk"),
            _tool("mke2fs", "e2fsprogs", "makes its file system"),
            Need("loop devices", Path("/dev/loop-control").exists(), "", "a disk is mounted by one"),
        ]
    if spec is None or spec.playbook:
        found.append(_tool("ansible-playbook", "ansible", "hardens an image"))
    return found


def root_of(name: str, session: Session) -> Path:
    """The folder with the root file system of an image of the inventory. Raises ``BackendError``."""
    spec = session.inventory.images[name]
    if spec.packer:
        raise BackendError(f"image '{name}' is a disk that Packer builds: a host must boot or mount that")
    if not spec.base:
        with _step(spec, f"mmdebstrap of {spec.release}", spec.location):
            return rootfs.build(rootfs.Recipe(spec.release, spec.packages, spec.commands), session)
    base = root_of(spec.base, session)
    key = digest(spec, base.parent.name, session.root)

    def make(partial: Path) -> None:
        session.run(
            ["cp", "--archive", "--reflink=auto", str(base), str(partial / "root")], timeout=_TIME_LIMIT
        )
        _change(partial / "root", spec, session)

    return kept(session, "rootfs", key, make) / "root"


def write_disk(root: Path, disk: Path, session: Session) -> None:
    """Write a raw disk with one ext4 partition at ``OFFSET`` that holds the folder ``root``."""
    size = _size_mib(root, session)
    with disk.open("wb") as stream:
        stream.truncate((size + 2) * OFFSET)
    session.run(
        ["sfdisk", "--quiet", str(disk)],
        text=f"label: dos\nstart=2048, size={size}MiB, type=83, bootable\n",
    )
    options = ["-q", "-F", "-t", "ext4", "-L", "root", "-d", str(root), "-E", f"offset={OFFSET}"]
    session.run(["mke2fs", *options, str(disk), f"{size}M"], timeout=_TIME_LIMIT)


def inside(root: Path, command: Sequence[str], session: Session, *, timeout: float = _TIME_LIMIT) -> str:
    """Run a command of this machine beside a root file system that has proc, dev, run and tmp mounted."""
    isolated = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _INSIDE, "inside", str(root)]
    return session.run([*isolated, *command], timeout=timeout, environment={"ANSIBLE_LOCALHOST_WARNING": "0"})


def _change(root: Path, spec: ImageSpec, session: Session) -> None:
    if spec.packages:
        with _step(spec, "the installation of 'packages'", spec.location):
            inside(root, ["chroot", str(root), "sh", "-c", _INSTALL, "sh", *spec.packages], session)
    if spec.playbook:
        playbook = session.root / spec.playbook
        if not playbook.is_file():
            raise BackendError(f"image '{spec.name}' names the playbook {spec.playbook}, which is not there")
        own = session.scratch("ansible")
        environment = [
            "env",
            f"ANSIBLE_LOCAL_TEMP={own}",
            "ANSIBLE_NOCOWS=1",
            "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3",
            "ANSIBLE_REMOTE_TMP=/tmp/ansible",
            "LC_ALL=C.UTF-8",
        ]
        variables = ["--extra-vars", json.dumps(dict(spec.variables))] if spec.variables else []
        connection = ["--connection", "community.general.chroot", "--inventory", f"{root},"]
        with _step(spec, f"the playbook {spec.playbook}", spec.location):
            inside(root, [*environment, "ansible-playbook", *connection, *variables, str(playbook)], session)
    for number, command in enumerate(spec.commands, 1):
        with _step(spec, *_command(spec, number)):
            inside(root, ["chroot", str(root), "sh", "-euc", command], session)


def _command(spec: ImageSpec, number: int) -> tuple[str, Location]:
    """How a command of an image, counted from 1, is called, and where the inventory has it."""
    places = spec.command_places
    return f"the command '{spec.commands[number - 1]}'", places[number - 1] if places else spec.location


@contextmanager
def _step(spec: ImageSpec, what: str, at: Location) -> Iterator[None]:
    """Tells a step that fails by its name and its place in the inventory, not by what was run for it."""
    try:
        yield
    except BackendError as error:
        _, ran, ended = error.message.partition(_ENDED)
        if not ran:
            raise
        if failed := rootfs.failed_command(ended):
            number, ended = failed
            what, at = _command(spec, number)
        message = f"image '{spec.name}': {what} ended with {ended}"
        raise BackendError(message, file=at.file, line=at.line, column=at.column, hint=error.hint) from error


def digest(spec: ImageSpec, base: str, root: Path) -> str:
    """What names an image that is made from another one: of all that it is made from."""
    content = hashlib.sha256()
    facts = [base, list(spec.packages), list(spec.commands), dict(spec.variables)]
    content.update(json.dumps(facts, sort_keys=True, default=str).encode())
    folder = (root / spec.playbook).parent if spec.playbook else None
    if spec.packer and (root / spec.packer).is_file():
        content.update((root / spec.packer).read_bytes())
    for file in sorted(folder.rglob("*")) if folder else []:
        if file.is_file():
            content.update(file.relative_to(folder or root).as_posix().encode() + b"\0" + file.read_bytes())
    return content.hexdigest()[:16]


def kept(session: Session, kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of a step: what is there, or what ``make`` makes in a folder that then takes its place."""
    folder = session.cache / kind / key
    with writable(session.cache), locked(folder.parent / f"{key}.lock"):
        if (folder / "complete").exists():
            return folder
        with replacing(folder, session) as partial:
            with building(session.cache):
                make(partial)
            (partial / "complete").touch()
    return folder


def _size_mib(root: Path, session: Session) -> int:
    used = int(session.run(["du", "--summarize", "--block-size=1M", str(root)]).split()[0])
    return used + used // 5 + _SPARE_MIB


def _tool(name: str, package: str, why: str) -> Need:
    return Need(name, bool(program(name)), package, why)
