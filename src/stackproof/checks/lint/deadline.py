"""A project's own cfn-lint rules are imported when cfn-lint loads its rules: an endless one is cut off."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 1.0
"""Seconds after which it is raised once more, for code that catches it."""


@contextmanager
def deadline(seconds: float, concerns: Callable[[str], bool]) -> Iterator[None]:
    """Raise ``TimeoutError`` in code of the files that ``concerns`` is true for, once the seconds are over.

    Other code is left to its end, however slow the machine is. Without effect outside of the main thread,
    which alone gets signals (Python's documentation, "Signals and threads"), and in C code that keeps it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if concerns(frame.f_code.co_filename):
                raise TimeoutError(f"it takes longer than {seconds:g} seconds")
            frame = frame.f_back

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
