"""The wall clock in the place of the virtual one: moving it means waiting."""

from __future__ import annotations

import time

from stackproof.fabric.clock import Clock

# Taken before anything replaces them: a task of an embedded world may have virtual time switched on.
_monotonic = time.monotonic
_sleep = time.sleep
_OFFSET = time.time() - _monotonic()


class WallClock(Clock):
    """``ms`` is the present; to set it to a later time waits until then."""

    real = True

    def __init__(self) -> None:
        self.start_ms = self.ms

    @property
    def ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return int((_monotonic() + _OFFSET) * 1000)

    @ms.setter
    def ms(self, value: int) -> None:
        wait(value / 1000 - self.now)


def wait(seconds: float) -> None:
    """Sleep in real time, wherever this is called."""
    if seconds > 0:
        _sleep(seconds)
