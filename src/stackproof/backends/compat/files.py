"""A read-only file system but for ``/tmp``, for handlers of which a test asks it.

An audit hook sees every opening and changing of files; it can never be taken out, so it is put in
only when the first such handler starts, and lets everything else pass.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

from stackproof.fabric.tasks import current

_CHANGING = frozenset((
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
    "os.truncate", "os.utime",
))  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_WRITABLE = ("/tmp/", "/dev/")
_installed: list[bool] = []


def install() -> None:
    """Put the hook in place (idempotent)."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        if not isinstance(args[2], int) or not args[2] & _WRITING:
            return
    elif event not in _CHANGING:
        return
    task = current()
    view = task.facts.get("view") if task is not None else None
    if view is None or not view.read_only or not isinstance(args[0], (str, bytes, os.PathLike)):
        return
    path = os.path.realpath(os.fsdecode(args[0]))
    own = bool(view.private) and f"{path}/".startswith(f"{view.private}/")
    if not own and (not f"{path}/".startswith(_WRITABLE) or path.startswith(tuple(view.roots))):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fsdecode(args[0]))
