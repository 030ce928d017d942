"""What decodes MDF4 apart from stackproof: a damaged file can take the library's own process down with it.

This file alone, run by the same Python; can and asammdf are imported once, then each request is read in a
child of its own:

    {"file": PATH, "to": PATH}                       asked on stdin, a line each
    {"signal": 11, "at": 2368, "said": ""}           answered on stdout: how the child ended (signal(7), 0 is
                                                     well), the last byte of the file that it went to

With signal 0 and nothing ``said`` the file named ``to`` holds the frames, each as ``FRAME`` and its data.
"""

from __future__ import annotations

import contextlib
import io
import json
import mmap
import os
import resource
import struct
import sys
from typing import Any

FRAME = struct.Struct("<dLiBH")
"""Seconds since the Epoch, CAN id, channel (-1 for none), the flags below, length of the data that follow."""
ERROR, EXTENDED, FD, BIT_RATE_SWITCH, REMOTE = 1, 2, 4, 8, 16
_SPARE = 2 << 30
_PLACE = struct.Struct("<Q")
PLACE = mmap.mmap(-1, _PLACE.size)
"""Memory that the children share."""


class Followed(io.BytesIO):
    """The bytes of a file; where it was read last stands in the module's place, seen by other processes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file."""
        _PLACE.pack_into(PLACE, 0, self.tell())
        return super().read(size)


def limited(size: int) -> None:
    """The memory and the time of the processor that a file of so many bytes may take; no core is dumped."""
    with open("/proc/self/statm") as stream:
        held = int(stream.read().split()[0]) * resource.getpagesize()
    whole = os.sysconf("SC_PHYS_PAGES") * resource.getpagesize()
    memory = held + min(_SPARE + 64 * size, whole)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    seconds = 60 + size // 20_000
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def packed(message: Any) -> bytes:
    """A message as ``FRAME`` and its data."""
    kinds = (
        (ERROR, message.is_error_frame),
        (EXTENDED, message.is_extended_id),
        (FD, message.is_fd),
        (BIT_RATE_SWITCH, message.bitrate_switch),
        (REMOTE, message.is_remote_frame),
    )
    flags = sum(flag for flag, there in kinds if there)
    channel, data = -1 if message.channel is None else message.channel, bytes(message.data)
    return FRAME.pack(message.timestamp, message.arbitration_id, channel, flags, len(data)) + data


def decode(reader: Any, source: str, to: str) -> None:
    """What the library reads, into the file ``to``; what it raises goes there too, and the exit code is 1."""
    try:
        with open(source, "rb") as stream:
            data = stream.read()
        limited(len(data))
        with open(to, "wb") as stream:
            for message in reader(io.BytesIO(data)):
                stream.write(packed(message))
    except Exception as error:  # noqa: BLE001  # whatever a library raises is what it says
        with open(to, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(" ".join(f"{type(error).__name__}: {error}".split()))
        os._exit(1)
    finally:
        os._exit(0 if sys.exc_info()[0] is None else 1)


def told(asked: dict[str, str], reader: Any) -> dict[str, int | str]:
    """Decode what is asked in a child, and tell how that ended."""
    _PLACE.pack_into(PLACE, 0, 0)
    child = os.fork()
    if not child:
        decode(reader, asked["file"], asked["to"])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = ""
    if code > 0:
        said = "it does not say why"
        with contextlib.suppress(OSError), open(asked["to"], encoding="utf-8", errors="replace") as stream:
            said = stream.read() or said
    return {"signal": max(0, -code), "at": _PLACE.unpack_from(PLACE)[0], "said": said}


def main() -> None:
    """Answer what is asked, until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print is no answer
    from can.io import mf4

    # python-can hands asammdf its own copy of a stream; only so it can be followed.
    mf4.BytesIO = Followed  # type: ignore[attr-defined]
    for line in sys.stdin:
        answers.write(json.dumps(told(json.loads(line), mf4.MF4Reader)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
