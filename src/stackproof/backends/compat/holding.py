"""The kernel holds what tasks open: C libraries and child processes, too, reach loopback only.

All threads of tasks come out of one thread that has the filter of ``seccomp``; a process of its own
(``supervisor``) answers what the filter asks. Python's own sockets are refused before (``sockets``): what
arrives here was opened by C code, or by a child process however deep.
"""

from __future__ import annotations

import _thread
import atexit
import errno
import json
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from stackproof.backends.compat import seccomp
from stackproof.fabric import tasks
from stackproof.fabric.sources import Source

_PATIENCE = 10.0
_UNHELD = "not held back: sockets of child processes and of C libraries"
_MOST = 4096
"""Bytes of a child's memory that the supervisor may ask for at once."""
_NOWHERE = "http://127.0.0.1:9"
"""The discard port, which nothing listens at (RFC 863)."""
_LOADER = ("LD_LIBRARY_PATH",)
"""What Python itself may need to start."""
_real_thread, _real_popen = threading.Thread, subprocess.Popen


class Holder:
    """The source of threads and the supervisor of one process. Raises ``OSError`` where there can be none."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._ended = False
        self._synced = _thread.allocate_lock()
        self._synced.acquire()
        self._listener = -1
        self._source = Source("stackproof-source", self._filter)
        self._tests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._proxy = socket.create_server(("127.0.0.1", 0))
        self.proxy = f"http://127.0.0.1:{self._proxy.getsockname()[1]}"
        self.process = self._supervise(theirs)
        theirs.close()
        os.close(self._listener)
        self._proxy.close()
        seccomp.let_read(self.process.pid)
        self.listening = _real_thread(target=self._listen, name="stackproof-held", daemon=True)
        self.listening.start()

    def _filter(self) -> None:
        self._listener = seccomp.install()

    def _supervise(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        calls = seccomp.calls()
        assert calls is not None  # the filter is there
        given = (self._listener, theirs.fileno(), self._proxy.fileno())
        numbers = (calls.connect, calls.sendto, calls.sendmsg, calls.sendmmsg)
        # What ends the processes of a session knows them by a variable: this one ends by itself.
        environ = {name: os.environ[name] for name in _LOADER if name in os.environ}
        program = Path(__file__).with_name("supervisor.py")
        return _real_popen(
            [sys.executable, "-I", "-S", str(program), *map(str, (*given, *numbers))],
            pass_fds=given, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/", env=environ,
        )  # fmt: skip

    def start(self, thread: threading.Thread) -> None:
        """Start a thread that is held."""
        self._source.run(thread.start)

    def hold(self, closed: bool) -> None:
        """Refuse what leads beyond loopback from now on, or nothing."""
        self._say(closed=closed)

    def gather(self) -> list[str]:
        """What was refused since the last call: one line each."""
        try:
            self._say(sync=1)
        except OSError:
            pass  # it has ended: what it said is there
        else:
            self._synced.acquire(timeout=_PATIENCE)
        found, self.refused[:] = self.refused[:], []
        return found

    def end(self) -> None:
        """End the supervisor: sockets of threads that still run fail from then on."""
        self._ended = True
        self.process.kill()
        self.process.wait()
        self.listening.join(_PATIENCE)
        self._tests.close()

    def _say(self, **message: Any) -> None:
        self._tests.send(json.dumps(message).encode())

    def _listen(self) -> None:
        with suppress(OSError):
            while heard := self._tests.recv(1 << 16):
                self._take(json.loads(heard))
        if not self._ended:
            told = f"the supervisor ended with exit status {self.process.wait()}"
            warnings.warn(f"{_UNHELD} any more, connections of tasks fail ({told})", stacklevel=1)

    def _take(self, message: dict[str, Any]) -> None:
        if "refused" in message:
            self.refused.append(f"{message['who']} wanted a connection to {message['refused']}")
        elif "read" in message:
            self._say(bytes=memory(*message["read"]))
        elif self._synced.locked():
            self._synced.release()


def memory(pid: int, address: int, length: int) -> str:
    """Memory of a descendant, in hexadecimal digits; "" when it cannot be read."""
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
            return os.pread(file.fileno(), min(length, _MOST), address).hex()
    except OSError:
        return ""


_holders: list[Holder | None] = []
_out: list[bool] = []


def install() -> None:
    """Let the threads of tasks come out of a source that is held (made with the first of them)."""
    tasks.start_with(_start)


def let_out() -> Callable[[], None]:
    """Refuse nothing until the answer is called: the endpoint that tasks call is on another machine."""
    _out.append(True)
    _tell()

    def end() -> None:
        _out.pop()
        _tell()

    return end


def _tell() -> None:
    if _holders and _holders[0] is not None:
        _holders[0].hold(not _out)


def refused() -> list[str]:
    """What the kernel was asked for and refused since the last call: one line each."""
    return _holders[0].gather() if _holders and _holders[0] is not None else []


def proxy() -> str:
    """Where children are sent that ask the usual variables: refused there, and told by the host's name."""
    return _holders[0].proxy if _holders and _holders[0] is not None else _NOWHERE


def _start(thread: threading.Thread) -> None:
    if not _holders:
        _holders.append(_made())
    holder = _holders[0]
    if holder is None:
        thread.start()
    else:
        holder.start(thread)


def _made() -> Holder | None:
    why = seccomp.lacking()
    if not why:
        try:
            made = Holder()
        except OSError as error:
            if error.errno == errno.EBUSY:
                return None  # the child of a held process is held
            why = str(error)
        else:
            made.hold(not _out)
            atexit.register(made.end)
            return made
    warnings.warn(f"{_UNHELD} ({why})", stacklevel=2)
    return None


def _forked() -> None:
    """A forked child has neither the source's thread nor a right to the supervisor's socket."""
    for made in _holders:
        if made is not None:
            atexit.unregister(made.end)
            made.process.returncode = 0
    _holders.clear()


os.register_at_fork(after_in_child=_forked)
