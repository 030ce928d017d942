"""What a handler may write: nothing in the folders of its code and layers, which are read-only on Lambda.

Where a test asks for it, nothing but ``/tmp``. An audit hook sees every opening and changing of files; it can
never be taken out, so it is put in only when the first handler starts, and lets everything else pass.
"""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from typing import Any

from stackproof.fabric.functions.view import View
from stackproof.fabric.tasks import current

_CHANGING: dict[str, tuple[tuple[int, int], ...]] = {
    "os.chmod": ((0, 2),), "os.chown": ((0, 3),), "os.link": ((0, 2), (1, 3)), "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),), "os.rename": ((0, 2), (1, 3)), "os.rmdir": ((0, 1),), "os.symlink": ((1, 2),),
    "os.truncate": ((0, -1),), "os.utime": ((0, 3),),
}  # fmt: skip
"""For each audit event where its paths stand, and where the descriptor of the folder each is relative to."""
_OPENED = ((0, -1),)
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
    if view is None:
        return
    for path, folder in _CHANGING.get(event, _OPENED):
        if isinstance(args[path], (str, bytes, os.PathLike)):
            _check(view, os.path.join(_folder(args, folder), os.fsdecode(args[path])))


def _folder(args: tuple[Any, ...], position: int) -> str:
    """The folder that a path is relative to, "" for the current one."""
    descriptor = args[position] if 0 <= position < len(args) else -1
    return (
        os.readlink(f"/proc/self/fd/{descriptor}") if isinstance(descriptor, int) and descriptor >= 0 else ""
    )


def _check(view: View, given: str) -> None:
    path = f"{os.path.realpath(given)}/"
    own = bool(view.private) and path.startswith(f"{view.private}/")
    code = path.startswith(_code(view.roots))
    if not own and (code or (view.read_only and not path.startswith(_WRITABLE))):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), given)


@cache
def _code(roots: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{os.path.realpath(root)}/" for root in roots)
