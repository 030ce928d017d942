"""What a recording is made of, and how a damaged one is refused."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from stackproof.errors import StackproofError


class RecordingError(StackproofError):
    """A recording cannot be replayed; ``offset`` is the byte of the file where it goes wrong, -1 if none."""

    def __init__(self, message: str, *, file: str, offset: int = -1, hint: str = "") -> None:
        place = f"at byte {offset:,}: " if offset >= 0 else ""
        super().__init__(place + message, file=file, hint=hint)
        self.offset = offset


class Truncated(RecordingError):
    """The recording ends before it should: it was cut off, or its recorder never closed it."""


class Corrupt(RecordingError):
    """A part of the recording is not what its format asks for, or not what its checksum says."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One recorded frame or message.

    ``at`` is in nanoseconds since the Epoch or since the recording's start, as the format has it.
    ``can_id`` is None for what came from no CAN bus (a topic's message). ``channel`` is the bus (``0``,
    ``1`` …) or the topic.
    """

    at: int
    channel: str
    data: bytes
    can_id: int | None = None
    extended: bool = False
    fd: bool = False
    bit_rate_switch: bool = False
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Drive:
    """A whole recording: its frames in the order of time.

    ``disordered`` counts the frames that the file holds behind a later one; ``errors`` the CAN error frames,
    which are states of the recorded bus and are not replayed.
    """

    file: str
    format: str
    frames: tuple[Frame, ...]
    disordered: int = 0
    errors: int = 0

    @property
    def duration(self) -> int:
        """From the first frame to the last, in nanoseconds."""
        return self.frames[-1].at - self.frames[0].at if self.frames else 0

    def offsets(self) -> Iterator[int]:
        """When each frame is due, in nanoseconds after the first."""
        return (one.at - self.frames[0].at for one in self.frames)

    def only(self, *, can: bool) -> Drive:
        """The frames of CAN buses alone, or the messages alone."""
        kept = tuple(one for one in self.frames if (one.can_id is not None) == can)
        return Drive(self.file, self.format, kept, self.disordered, self.errors)


def inflated(data: bytes, size: int) -> bytes:
    """What deflated data hold, but no more than a byte beyond ``size``. Raises ``zlib.error``."""
    return zlib.decompressobj().decompress(data, min(size, sys.maxsize - 1) + 1)


class Followed(BytesIO):
    """Bytes as a stream that notes in ``last`` where it was read last."""

    last = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any stream."""
        self.last = self.tell()
        return super().read(size)


class Bytes:
    """A recording's bytes; whoever asks for more than there are is told so by ``Truncated``."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.file = str(path)
        self.data = data
        self.size = len(data)
        self._opened: Followed | None = None
        self._looked = 0

    def opened(self) -> BytesIO:
        """The bytes as a stream for a library to read; ``reached`` tells where it reads."""
        self._opened = Followed(self.data)
        return self._opened

    @property
    def reached(self) -> int:
        """Where the stream that was opened was read last, or without one, where ``at`` looked last."""
        return self._opened.last if self._opened else self._looked

    def at(self, offset: int, length: int, what: str) -> bytes:
        """``length`` bytes from ``offset``. Raises ``Truncated`` at the file's end when there are fewer."""
        if offset + length > self.size:
            short = offset + length - self.size
            raise self.truncated(self.size, f"the file ends here, and {what} lacks {short:,} of its bytes")
        self._looked = offset
        return self.data[offset : offset + length]

    def truncated(self, offset: int, message: str, hint: str = "") -> Truncated:
        """The error of a file that ends too early."""
        return Truncated(message, file=self.file, offset=offset, hint=hint)

    def corrupt(self, offset: int, message: str, hint: str = "") -> Corrupt:
        """The error of a file that holds what its format does not allow."""
        return Corrupt(message, file=self.file, offset=offset, hint=hint)
