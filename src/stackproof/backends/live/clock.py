"""The wall clock in the place of the virtual one: moving it means waiting."""

from __future__ import annotations

from stackproof.backends.compat.clocks import wait, wall_ms
from stackproof.fabric.clock import Clock


class WallClock(Clock):
    """``ms`` is the present; to set it to a later time waits until then."""

    real = True

    def __init__(self) -> None:
        self.start_ms = self.ms

    @property
    def ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return wall_ms()

    @ms.setter
    def ms(self, value: int) -> None:
        wait(value / 1000 - self.now)
