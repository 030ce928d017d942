"""Disks of images: written from a root file system or built by Packer, and what boots them.

A disk is kept under the digest of what it is made from. Kernel and initial RAM disk are read from the disk
itself (debugfs(8)), so that nothing is mounted for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.errors import BackendError
from stackproof.hosts import images, packed

if TYPE_CHECKING:
    from stackproof.hosts.session import Session


def disk_of(name: str, session: Session) -> Path:
    """A raw disk with one ext4 partition at ``images.OFFSET`` that holds an image of the inventory."""
    spec = session.inventory.images[name]
    if spec.packer:
        return packed.build(spec, session)
    root = images.root_of(name, session)
    made = images.kept(
        session,
        "disk",
        root.parent.name,
        lambda partial: images.write_disk(root, partial / "disk.raw", session),
    )
    return made / "disk.raw"


def boot_files(disk: Path, folder: Path, session: Session) -> tuple[Path, Path]:
    """Copies of the disk's newest kernel and of the initial RAM disk that belongs to it.

    Raises ``BackendError`` for a disk that has none (nothing in its image is a kernel).
    """
    place = f"{disk}?offset={images.OFFSET}"
    listed = _debugfs(session, "ls -p /boot", place)
    versions = sorted(re.findall(r"/vmlinuz-([^/]+)/", listed), key=_by_number)
    if not versions:
        raise BackendError(f"{disk} has no kernel in /boot", hint="its image needs a package linux-image-…")
    found = []
    for name in ("vmlinuz", "initrd.img"):
        copy = folder / name
        _debugfs(session, f"dump /boot/{name}-{versions[-1]} {copy}", place)
        if not copy.is_file() or not copy.stat().st_size:
            raise BackendError(f"{disk} has no /boot/{name}-{versions[-1]}")
        found.append(copy)
    return found[0], found[1]


def _by_number(version: str) -> list[tuple[int, str]]:
    return [(int(number or 0), word) for number, word in re.findall(r"(\d*)(\D*)", version)]


def _debugfs(session: Session, request: str, place: str) -> str:
    return session.run(["env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "debugfs", "-R", request, place])
