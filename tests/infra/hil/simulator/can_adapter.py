"""Two CAN adapters on one bus: serial-line CAN (slcan) on pseudo-terminals, joined as a bus joins them.

The kernel tells each adapter its bit rate (``S6`` is 500 kbit/s) and whether it is open. A frame gets across
only when both are open at the same bit rate: with different ones a bus carries nothing but errors.
Protocol: Documentation of the LAWICEL CAN232; the kernel's side is drivers/net/can/slcan.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import tty

_TIOCSETD = 0x5423
_N_SLCAN = 17
_FRAMES = b"tTrR"


class Adapter:
    """One adapter: its side of the pseudo-terminal, the bit rate it was told, what is not yet a line."""

    def __init__(self) -> None:
        self.own, kernel = pty.openpty()
        tty.setraw(kernel)
        tty.setraw(self.own)
        fcntl.ioctl(kernel, _TIOCSETD, struct.pack("i", _N_SLCAN))
        self.kernel = kernel  # the interface lives as long as this stays open
        self.speed = b""
        self.is_open = False
        self.rest = b""

    def lines(self) -> list[bytes]:
        """What the kernel sent since."""
        *whole, self.rest = (self.rest + os.read(self.own, 65536)).split(b"\r")
        return whole

    def obey(self, line: bytes) -> bool:
        """Take a command; True when the line is a frame for the bus."""
        kind = line[:1]
        if kind == b"S":
            self.speed = line
        elif kind in (b"O", b"L"):
            self.is_open = True
        elif kind == b"C":
            self.is_open = False
        return kind in _FRAMES if kind else False


def main() -> None:
    """Join two adapters for ever."""
    one, other = Adapter(), Adapter()
    across = {one.own: (one, other), other.own: (other, one)}
    while True:
        for ready in select.select(list(across), [], [])[0]:
            near, far = across[ready]
            for line in near.lines():
                if near.obey(line) and near.is_open and far.is_open and near.speed == far.speed:
                    os.write(far.own, line + b"\r")


if __name__ == "__main__":
    main()
