"""Writing a file whole or not at all: nobody takes half a result for a result."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

_NOT_BESIDE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY}
"""A file can be writable where its folder is not, and a file that is a mount cannot be replaced."""
_OPEN_FILES = ("/dev/fd/", "/dev/std", "/proc/")
"""Names of files that are open already: what replaces them would not be seen where they lead to."""


def write_file(path: Path, data: bytes) -> None:
    """Replace what ``path`` holds by ``data``; when that fails, the old file stays and no new one is left.

    What is there and no regular file (a device, a pipe) is written into. Raises ``OSError``.
    """
    target = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        _replace(target, data, None)
        return
    if not stat.S_ISREG(mode) or os.path.abspath(path).startswith(_OPEN_FILES):
        _write_into(path, data)
        return
    try:
        _replace(target, data, stat.S_IMODE(mode))
    except OSError as error:
        if error.errno not in _NOT_BESIDE:
            raise
        _write_into(path, data)


def _write_into(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)


def _replace(target: str, data: bytes, mode: int | None) -> None:
    beside = os.path.join(os.path.dirname(target), f".stackproof-{os.urandom(8).hex()}.tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        if mode is not None:
            os.chmod(beside, mode)
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
