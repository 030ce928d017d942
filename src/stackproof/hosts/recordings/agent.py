"""What replays on a rig: sends a packed drive over CAN or UDP at its times, or notes when frames arrive.

This file alone, with the Python of the rig and nothing else, is what runs there:

    python3 agent.py send can:can0 drive.bin        prints {"sent": [ns, …]}
    python3 agent.py send udp:10.0.0.2:5000 drive.bin
    python3 agent.py take can:can1 COUNT SECONDS     prints {"taken": [[ns, hex], …]} once ready and done

Times are of CLOCK_REALTIME in nanoseconds as the kernel stamped them on arrival (SO_TIMESTAMPNS, socket(7)),
those of sending are taken right before the call. Frames are as linux/can.h has them.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time

PACKED = struct.Struct("<QLBH")
"""Nanoseconds after the first frame, CAN id with the flags of linux/can.h, kind, length; the data follow."""
CLASSIC, FD, FD_FAST, MESSAGE = 0, 1, 2, 3
_CAN = struct.Struct("=LB3x8s")
_CAN_FD = struct.Struct("=LBB2x64s")
_STAMP = struct.Struct("=qq")
_BIT_RATE_SWITCH = 0x01
_SO_TIMESTAMPNS = 35
_SPIN = 200_000
_PATIENCE = 0.02


def unpack(drive: bytes) -> list[tuple[int, bytes]]:
    """Due time in ns and the bytes to send of each frame. Raises ``ValueError`` for a drive cut off."""
    found, at = [], 0
    while at < len(drive):
        if at + PACKED.size > len(drive):
            raise ValueError(f"the packed drive is cut off at byte {at}")
        due, can_id, kind, length = PACKED.unpack_from(drive, at)
        at += PACKED.size
        data = drive[at : at + length]
        if len(data) < length:
            raise ValueError(f"the packed drive is cut off at byte {len(drive)}")
        at += length
        if kind == MESSAGE:
            found.append((due, data))
        elif kind == CLASSIC:
            found.append((due, _CAN.pack(can_id, length, data)))
        else:
            fast = _BIT_RATE_SWITCH if kind == FD_FAST else 0
            found.append((due, _CAN_FD.pack(can_id, length, fast, data)))
    return found


def opened(target: str, receiving: bool) -> socket.socket:
    """A socket for ``can:INTERFACE`` or ``udp:HOST:PORT``."""
    kind, _, rest = target.partition(":")
    if kind == "can":
        made = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        made.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        made.bind((rest,))
    elif kind == "udp":
        host, _, port = rest.rpartition(":")
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if receiving:
            made.bind((host, int(port)))
        else:
            made.connect((host, int(port)))
    else:
        raise ValueError(f"the target is can:INTERFACE or udp:HOST:PORT, not {target}")
    if receiving:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return made


def send(way: socket.socket, frames: list[tuple[int, bytes]]) -> list[int]:
    """Send each frame when it is due; returns when each was sent."""
    sent = []
    offset = time.time_ns() - time.monotonic_ns()
    start = time.monotonic_ns() + 5_000_000
    for due, data in frames:
        left = start + due - time.monotonic_ns()
        if left > _SPIN:
            time.sleep((left - _SPIN) / 1e9)
        while time.monotonic_ns() < start + due:
            pass
        sent.append(time.monotonic_ns() + offset)
        _put(way, data)
    return sent


def _put(way: socket.socket, data: bytes) -> None:
    """Send, and wait while the interface's queue is full (ENOBUFS is how CAN says so)."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            way.send(data)
            return
        except OSError as error:
            if error.errno != 105 or time.monotonic() > end:
                raise
            time.sleep(0.0001)


def take(way: socket.socket, count: int, seconds: float) -> list[tuple[int, bytes]]:
    """What arrives: time stamp of the kernel and bytes, until there are ``count`` or the seconds are over."""
    taken: list[tuple[int, bytes]] = []
    end = time.monotonic() + seconds
    while len(taken) < count and (left := end - time.monotonic()) > 0:
        way.settimeout(left)
        try:
            data, extra, _, _ = way.recvmsg(65536, socket.CMSG_SPACE(_STAMP.size))
        except (TimeoutError, BlockingIOError):
            break
        stamps = [value for level, kind, value in extra if kind == _SO_TIMESTAMPNS]
        whole, part = _STAMP.unpack(stamps[0]) if stamps else divmod(time.time_ns(), 10**9)
        taken.append((whole * 10**9 + part, data))
    return taken


def main(arguments: list[str]) -> int:
    """Run one of the two."""
    what, target = arguments[:2]
    if what == "send":
        with open(arguments[2], "rb") as stream:
            frames = unpack(stream.read())
        with opened(target, False) as way:
            sys.stdout.write(json.dumps({"sent": send(way, frames)}) + "\n")
        return 0
    with opened(target, True) as way:
        sys.stderr.write("ready\n")
        sys.stderr.flush()
        taken = take(way, int(arguments[2]), float(arguments[3]))
    sys.stdout.write(json.dumps({"taken": [[at, data.hex()] for at, data in taken]}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
