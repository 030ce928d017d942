"""What is kept in the cache: it is there whole or not at all, and a cache that takes nothing says so."""

from __future__ import annotations

import errno
import shutil
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
