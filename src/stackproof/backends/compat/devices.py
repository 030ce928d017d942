"""``/dev/urandom`` and ``/dev/random`` of tasks: what is read there comes from the world's seed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

from stackproof.fabric.tasks import current

_DEVICES = ("/dev/urandom", "/dev/random")
_DRAWN = 65_536
"""Random bytes behind a descriptor that ``os.open`` gives; Python's ``open`` never comes to an end."""
_real_open = os.open


class _Random(io.RawIOBase):
    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill all of the buffer."""
        view = memoryview(buffer).cast("B")
        view[:] = os.urandom(len(view))
        return len(view)


def is_random(path: Any) -> bool:
    """Whether a task means one of the devices."""
    if not isinstance(path, (str, bytes, os.PathLike)) or current() is None:
        return False
    return os.fsdecode(path) in _DEVICES


def opened(real: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What stands for the device: for Python's ``open`` an endless stream, for ``os.open`` a descriptor."""
    if real is _real_open and hasattr(os, "memfd_create"):
        found = os.memfd_create("random")
        os.write(found, os.urandom(_DRAWN))
        os.lseek(found, 0, os.SEEK_SET)
        return found
    buffering = kwargs.get("buffering", args[2] if len(args) > 2 else -1)
    return _Random() if buffering == 0 else io.BufferedReader(_Random())
