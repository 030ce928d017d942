"""``image``: an image as it lies on disk, mounted read-only; nothing of it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stackproof.errors import ConfigError
from stackproof.hosts import disks, images
from stackproof.hosts.model import HostEntry, Need, Running
from stackproof.hosts.providers import tools

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_GIVES = frozenset({"image"})


class ImageProvider:
    """Settings: ``image``, the name of an image of the inventory."""

    def check(self, entry: HostEntry) -> None:
        """``image`` is required; a file system can do nothing but be read."""
        settings = entry.settings
        if settings is None:
            at = entry.location
            message = f"host '{entry.name}' needs 'settings: {{image: …}}'"
            raise ConfigError(message, file=at.file, line=at.line, column=at.column)
        settings.text("image")
        settings.done()
        if more := sorted(entry.capabilities - _GIVES):
            raise settings.refuse("", f"an image that is not booted cannot have '{more[0]}'")

    def needs(self, entry: HostEntry) -> Sequence[Need]:
        """Tools to make root file system and disk, root to mount it."""
        return (*tools.image(entry, disk=True), tools.tool("chroot", "coreutils", "asks a file system"))

    def start(self, entry: HostEntry, session: Session) -> Running:
        """Build what is not kept, mount it. ``/proc``, ``/run`` and ``/dev`` are this machine's or empty."""
        assert entry.settings is not None
        disk = disks.disk_of(entry.settings.text("image"), session)
        point = session.scratch(f"image-{entry.name}")
        session.made("loop-file", str(disk))
        session.made("mount", str(point))
        session.run(["mount", "-o", f"ro,loop,offset={images.OFFSET}", str(disk), str(point)])
        session.run(["mount", "-t", "proc", "-o", "ro", "proc", str(point / "proc")])
        session.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(point / "run")])
        session.run(["mount", "--bind", "/dev", str(point / "dev")])
        (point / "run" / "sshd").mkdir(mode=0o755)
        return Running(entry, f"chroot://{point}", _GIVES, paths={"root": str(point), "disk": str(disk)})
