"""Identifiers from the world's own seeded generator: the same seed, the same ids."""

from __future__ import annotations

import base64
import random
from typing import Any

_VERSION_4 = (4 << 76) | (2 << 62)
"""The version and the variant of a random UUID (RFC 9562, 5.4)."""
_FREE = ((1 << 128) - 1) ^ ((15 << 76) | (3 << 62))


class Ids:
    """Makes every id, token and random byte of a world."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def uuid(self) -> str:
        """A version 4 UUID."""
        bits = f"{self.random.getrandbits(128) & _FREE | _VERSION_4:032x}"
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"

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
