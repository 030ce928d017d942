"""A kernel filter for the sockets of a thread, and of every thread and process that comes out of it.

seccomp cannot read an address, so ``connect``, ``sendmsg``, ``sendmmsg`` and a ``sendto`` with an address are
put to whoever holds the filter's listener (seccomp_unotify(2), Linux 5.5 and later). What would go round the
filter is refused by it: io_uring, packet sockets, programs of another architecture.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")
_PR_SET_NO_NEW_PRIVS, _PR_SET_PTRACER = 38, 0x59616D61
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_ALLOW, _NOTIFY, _FAIL = 0x7FFF0000, 0x7FC00000, 0x00050000
_LOAD, _EQUAL, _ABOVE, _RETURN = 0x20, 0x15, 0x35, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16
"""Where ``struct seccomp_data`` has the call's number, the architecture and the arguments (8 bytes each)."""
_X32 = 0x40000000
_AF_PACKET = 17
_IO_URING_SETUP = 425


@dataclass(frozen=True)
class Calls:
    """An architecture as the kernel names it (linux/audit.h) and its numbers of system calls."""

    audit: int
    seccomp: int
    socket: int
    connect: int
    sendto: int
    sendmsg: int
    sendmmsg: int


_CALLS = {
    "x86_64": Calls(0xC000003E, 317, 41, 42, 44, 46, 307),
    "aarch64": Calls(0xC00000B7, 277, 198, 203, 206, 211, 269),
}


def calls() -> Calls | None:
    """The numbers of this machine; None where they are not known."""
    return _CALLS.get(platform.machine())


def lacking() -> str:
    """Why no filter can be set on this machine; "" when one can, as far as can be seen without trying."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} has no seccomp"
    if calls() is None:
        return f"the system calls of {platform.machine()} are not known"
    try:
        known = _ACTIONS.read_text(encoding="ascii").split()
    except OSError:
        known = []
    return "" if "user_notif" in known else "its kernel has no seccomp notifications (Linux 5.5)"


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _when(number: int, result: int) -> bytes:
    """``result`` for this call; the number stays loaded."""
    return _step(_EQUAL, number, 0, 1) + _step(_RETURN, result)


def program(of: Calls) -> bytes:
    """The filter, in the kernel's classic BPF: 8 bytes an instruction."""
    foreign = _step(_RETURN, _FAIL | errno.ENOSYS)
    head = _step(_LOAD, _ARCH) + _step(_EQUAL, of.audit, 1, 0) + foreign + _step(_LOAD, _NR)
    if of.audit == _CALLS["x86_64"].audit:
        head += _step(_ABOVE, _X32, 0, 1) + foreign
    asked = b"".join(_when(number, _NOTIFY) for number in (of.connect, of.sendmsg, of.sendmmsg))
    ring = _when(_IO_URING_SETUP, _FAIL | errno.ENOSYS)
    packet = (
        _step(_EQUAL, of.socket, 0, 4)
        + _step(_LOAD, _ARGS)
        + _step(_EQUAL, _AF_PACKET, 0, 1)
        + _step(_RETURN, _FAIL | errno.EPERM)
        + _step(_RETURN, _ALLOW)
    )
    address = _ARGS + 4 * 8
    sent = (
        _step(_EQUAL, of.sendto, 0, 5)
        + _step(_LOAD, address)
        + _step(_EQUAL, 0, 0, 2)
        + _step(_LOAD, address + 4)
        + _step(_EQUAL, 0, 1, 0)
        + _step(_RETURN, _NOTIFY)
    )
    return head + asked + ring + packet + sent + _step(_RETURN, _ALLOW)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install() -> int:
    """Filter the calling thread from now on; the answer is the listener's descriptor (close-on-exec).

    Raises ``OSError``: EBUSY for a thread that has such a filter, EPERM or EINVAL where none can be set.
    """
    of = calls()
    if of is None:
        raise OSError(errno.ENOSYS, lacking())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    body = program(of)
    made = _Program(len(body) // 8, body)
    listener = libc.syscall(
        ctypes.c_long(of.seccomp),
        ctypes.c_long(_SET_MODE_FILTER),
        ctypes.c_long(_NEW_LISTENER),
        ctypes.byref(made),
    )
    if listener < 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
    return int(listener)


def let_read(pid: int) -> None:
    """Let a process that is no ancestor read this one's memory where Yama guards it (ptrace_scope 1)."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(pid), 0, 0, 0)  # EINVAL where there is no Yama
