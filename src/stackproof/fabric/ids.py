"""Identifiers from the world's own seeded generator: the same seed, the same ids."""

from __future__ import annotations

import base64
import random
from typing import Any


class Ids:
    """Makes every id, token and random byte of a world."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def uuid(self) -> str:
        """A version 4 UUID."""
        bits = f"{self.random.getrandbits(128):032x}"
        variant = "89ab"[int(bits[16], 16) & 3]
        return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{variant}{bits[17:20]}-{bits[20:]}"

    def hex(self, digits: int) -> str:
        """Lower-case hexadecimal digits."""
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def token(self, size: int) -> str:
        """Base64 of ``size`` random bytes, as AWS uses for receipt handles and page tokens."""
        return base64.b64encode(self.random.randbytes(size)).decode()

    def bytes(self, size: int) -> bytes:
        """Random bytes, for ``os.urandom`` of a handler."""
        return self.random.randbytes(size)

    def snapshot(self) -> Any:
        """The state of the generator."""
        return self.random.getstate()

    def restore(self, state: Any) -> None:
        """Back to a state that ``snapshot`` gave."""
        self.random.setstate(state)
