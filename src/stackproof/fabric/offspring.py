"""Child processes of code under test, and theirs: ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


def kill(children: Iterable[subprocess.Popen[Any]]) -> None:
    """Kill those that still run, with all that came out of them (what was left to init is not known)."""
    for child in list(children):
        if child.poll() is None:
            for pid in [*_below(child.pid), child.pid]:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


def _below(pid: int) -> Iterator[int]:
    """Descendants, the deepest first. None where the kernel does not list them (CONFIG_PROC_CHILDREN)."""
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listing.read_text(encoding="ascii").split()):
                yield from _below(child)
                yield child
