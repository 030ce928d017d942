"""Playing a drive again, with its timing, on this machine; on a rig the agent does the same."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from stackproof.errors import BackendError, UsageError
from stackproof.hosts.recordings import agent
from stackproof.hosts.recordings.model import Drive, Frame, RecordingError
from stackproof.hosts.recordings.timing import Replayed

_EXTENDED: Final = 0x80000000
_REMOTE: Final = 0x40000000
_DATAGRAM: Final = 65507
_INTERFACE: Final = 15
"""IFNAMSIZ of linux/if.h, without the closing zero."""
_PORTS: Final = 65535
_SETTLE: Final = 1.0


def pack(drive: Drive) -> bytes:
    """The drive as the agent reads it. Raises ``RecordingError`` for a message that no datagram holds."""
    parts = []
    for number, (due, frame) in enumerate(zip(drive.offsets(), drive.frames, strict=True)):
        if len(frame.data) > _DATAGRAM:
            message = f"message {number:,} of '{frame.channel}' has {len(frame.data):,} bytes"
            raise RecordingError(message, file=drive.file, hint=f"a datagram holds {_DATAGRAM:,}")
        parts.append(agent.PACKED.pack(due, _identity(frame), _kind(frame), len(frame.data)) + frame.data)
    return b"".join(parts)


def _identity(frame: Frame) -> int:
    if frame.can_id is None:
        return 0
    return frame.can_id | (_EXTENDED if frame.extended else 0) | (_REMOTE if frame.remote else 0)


def _kind(frame: Frame) -> int:
    if frame.can_id is None:
        return agent.MESSAGE
    if not frame.fd:
        return agent.CLASSIC
    return agent.FD_FAST if frame.bit_rate_switch else agent.FD


def fitting(drive: Drive, target: str) -> Drive:
    """What of a drive can go there: CAN frames over CAN, all over UDP. Raises ``UsageError`` for nothing."""
    kept = drive.only(can=True) if target.startswith("can:") else drive
    if not kept.frames:
        hint = "replay a recording of topics over udp:HOST:PORT"
        raise UsageError(f"'{drive.file}' ({drive.format}) holds no CAN frame", hint=hint)
    return kept


def as_bytes(drive: Drive) -> Sequence[bytes]:
    """What is sent of each frame."""
    return [data for _, data in agent.unpack(pack(drive))]


def matched(drive: Drive, taken: Iterable[tuple[int, bytes]]) -> Replayed:
    """Each frame of the drive with when it arrived: the first one of its content that is not yet counted."""
    waiting: defaultdict[bytes, deque[int]] = defaultdict(deque)
    for at, data in taken:
        waiting[data].append(at)
    arrived = [waiting[data].popleft() if waiting[data] else None for data in as_bytes(drive)]
    return Replayed(tuple(drive.offsets()), tuple(arrived))


def check_target(target: str) -> None:
    """Raises ``UsageError`` for what is neither ``can:INTERFACE`` nor ``udp:HOST:PORT``."""
    kind, _, rest = target.partition(":")
    if kind == "can" and 0 < len(rest) <= _INTERFACE:
        return
    host, _, port = rest.rpartition(":")
    if kind == "udp" and host and ":" not in host and port.isdecimal() and 0 < int(port) <= _PORTS:
        return
    hint = f"a port is a number from 1 to {_PORTS}, an interface's name has at most {_INTERFACE} characters"
    raise UsageError(f"the target is can:INTERFACE or udp:HOST:PORT, not '{target}'", hint=hint)


def replay(drive: Drive, target: str, *, listen: str = "") -> Replayed:
    """Send a drive to ``can:INTERFACE`` or ``udp:HOST:PORT`` at its recorded times.

    Times are those of sending; with ``listen`` (a target on this machine that what is sent arrives at) they
    are those of arrival, and what does not arrive counts as lost. Raises ``UsageError`` for a target that is
    none or that nothing of the drive fits, ``BackendError`` when the kernel refuses it.
    """
    for one in (target, listen) if listen else (target,):
        check_target(one)
    kept = fitting(drive, target)
    frames = agent.unpack(pack(kept))
    taken: list[tuple[int, bytes]] = []
    try:
        with agent.opened(target, False) as way:
            if not listen:
                return Replayed(tuple(kept.offsets()), tuple(agent.send(way, frames)))
            with agent.opened(listen, True) as ear:
                seconds = kept.duration / 1e9 + _SETTLE

                def hear() -> None:
                    taken.extend(agent.take(ear, len(frames), seconds))

                thread = threading.Thread(target=hear, daemon=True)
                thread.start()
                agent.send(way, frames)
                thread.join()
    except ValueError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        message = f"replaying to {target} failed: {error.strerror or error}"
        raise BackendError(message, hint="is the interface there and up?") from error
    return matched(kept, taken)


def agent_source() -> str:
    """The agent as text, to be put on a rig."""
    return Path(agent.__file__).read_text(encoding="utf-8")
