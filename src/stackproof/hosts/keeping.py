"""What is kept in the cache: it is there whole or not at all, and a cache that takes nothing says so."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.errors import BackendError

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def writable(cache: Path) -> Iterator[None]:
    """Tells what a full or read-only file system refuses, with what to do about it, as ``BackendError``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        file = error.filename or cache
        hint = f"make room in {cache}, or let STACKPROOF_HOSTS name a folder elsewhere"
        raise BackendError(f"{file} cannot be written: {error.strerror}", hint=hint) from error


def sessions_of(cache: Path) -> Path:
    """The folder for sessions' journals: in the cache, or where that takes nothing, the user's own in /tmp.

    Hosts that are only reached need no cache. Raises ``BackendError`` when neither can be had.
    """
    folder = cache / "sessions"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
    else:
        return folder
    other = Path(tempfile.gettempdir()) / f"stackproof-hosts-{os.geteuid()}"
    with writable(other):
        other.mkdir(mode=0o700, exist_ok=True)
    found = other.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        message = f"{other} belongs to somebody else, and {cache} cannot be written"
        raise BackendError(message, hint="let STACKPROOF_HOSTS name a folder of your own")
    return other


@contextmanager
def replacing(folder: Path, session: Session) -> Iterator[Path]:
    """An empty folder that takes the place of ``folder`` when all goes well inside, and goes when not."""
    partial = folder.with_name(f"{folder.name}.{session.id}")
    made = session.made("path", str(partial))
    try:
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        session.journal.undo(made)
