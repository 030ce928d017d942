"""Locks of everything that shares a cache. They are flock(2): the kernel frees them however a holder ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

LOOK: Final = 0.1
"""How often one looks whether a lock is free that cannot be waited for otherwise, in seconds."""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Only one process of this machine at a time makes what the lock file names."""
    with opened(file) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def one_of(files: Sequence[Path]) -> Iterator[Path]:
    """Hold one of the lock files, whichever is free first; gives that one."""
    while True:
        for file in files:
            with opened(file) as stream:
                if taken(stream):
                    yield file
                    return
        time.sleep(LOOK)


def taken(stream: IO[str]) -> bool:
    """Take the lock of an open file for oneself if nobody has it; False when somebody has."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def building(cache: Path) -> Iterator[None]:
    """Held while an image is built, by several builds at once; ``quiet`` says who waits for it."""
    with opened(builds(cache)) as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield


def builds(cache: Path) -> Path:
    """The lock file of ``building``."""
    return cache / "building.lock"


def opened(file: Path) -> IO[str]:
    """The lock file, with the folder that it lies in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("w")
