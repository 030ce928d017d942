"""The process between a server and its users: it ends the server when the last user is gone.

``main`` reads ``FOLDER/plan.json`` (``command``,
``environment``), runs the command in a session of its own and watches ``FOLDER/users``: each user holds
a lock on a file there. The kernel frees the lock of a user that was killed, so nothing stays behind
however it ended. At the end the server's processes and the folder are gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from stackproof.backends.servers import locks

_PR_SET_CHILD_SUBREAPER = 36
_INTERVAL = 0.2
ENDED = "ended"
"""File that holds the server's exit code when it ended by itself."""


def keep(folder: Path) -> None:
    """Run the server of ``folder`` until nobody uses it or it ends."""
    _adopt_orphans()
    signal.signal(signal.SIGTERM, _leave)
    plan = json.loads((folder / "plan.json").read_text())
    with (folder / "log").open("ab") as log:
        environment = {**plan["environment"], "STACKPROOF_KEEPER": str(os.getpid())}
        server = subprocess.Popen(
            plan["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
            env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        while not _finished(folder, server):
            if server.poll() is not None and not (folder / ENDED).exists():
                (folder / ENDED).write_text(str(server.returncode))
            time.sleep(_INTERVAL)
    finally:
        _clear(folder, server)


def _finished(folder: Path, server: subprocess.Popen[bytes]) -> bool:
    """Clear everything when nobody uses the server; nobody can become a user meanwhile."""
    if any(locks.held(user) for user in _users(folder)):
        return False
    with locks.lock(folder.with_suffix(".lock"), wait=False) as mine:
        if not mine or any(locks.held(user) for user in _users(folder)):
            return False
        _clear(folder, server)
    return True


def _clear(folder: Path, server: subprocess.Popen[bytes]) -> None:
    _kill(server)
    shutil.rmtree(folder, ignore_errors=True)


def _users(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return list((folder / "users").iterdir())
    return []


def _adopt_orphans() -> None:
    """Become the parent of what the server leaves behind, so that it can be ended too (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _kill(server: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    for _ in range(20):
        children = _children()
        if not children:
            return
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    listing = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    with suppress(OSError):
        return [int(pid) for pid in listing.read_text().split()]
    return []


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def main() -> None:
    """``FOLDER`` is the only argument."""
    keep(Path(sys.argv[1]))
