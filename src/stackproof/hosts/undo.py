"""How each kind of thing that a provider makes is unmade. Only the standard library: a guard runs it.

Every function takes the thing's name and its details, and does nothing when the thing is gone already.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackproof.hosts.programs import search_path

Detail = Mapping[str, Any]
_PATIENCE = 10.0

MARK = "STACKPROOF_SESSION"
"""Environment variable that every process of a session carries, with the session's id."""


def mounts() -> list[str]:
    """Every mount point that this process sees, in the order in which they were mounted."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [line.split(" ")[4].encode().decode("unicode_escape") for line in text.splitlines()]


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when there is none (or it is a zombie).

    A number of a process may be given again, the pair of number and start time is not (proc(5), field 22).
    """
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return 0
    return 0 if fields[0] in {"Z", "X"} else int(fields[19])


def alive(pid: int, started: int) -> bool:
    """Whether it is still that process."""
    return start_time(pid) == started != 0


def unmount(name: str, detail: Detail) -> None:
    """A mount, and what is mounted below it."""
    below = [one for one in mounts() if one == name or one.startswith(f"{name}/")]
    for one in reversed(below):
        if _call("umount", one) != 0:
            _call("umount", "--lazy", one)


def detach(name: str, detail: Detail) -> None:
    """A loop device, as long as it still shows the file that it was made for."""
    backing = Path(f"/sys/block/{Path(name).name}/loop/backing_file")
    with contextlib.suppress(OSError):
        if backing.read_text(encoding="utf-8").strip() == detail.get("file"):
            _call("losetup", "--detach", name)


def detach_file(name: str, detail: Detail) -> None:
    """Every loop device that shows the file ``name``."""
    for block in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if block.read_text(encoding="utf-8").strip().removesuffix(" (deleted)") == name:
                _call("losetup", "--detach", f"/dev/{block.parent.parent.name}")


def end_process(name: str, detail: Detail) -> None:
    """A process (``pid``, ``started``; ``group``: its whole group): asked, then after ``grace`` s killed."""
    pid, started = int(detail.get("pid", 0)), int(detail.get("started", 0))
    if pid <= 1 or not alive(pid, started):
        return
    group = bool(detail.get("group"))
    asked = signal.Signals[str(detail.get("signal", "SIGTERM"))]
    for number, patience in ((asked, float(detail.get("grace", 3.0))), (signal.SIGKILL, _PATIENCE)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number) if group else os.kill(pid, number)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not alive(pid, started):
                return
            time.sleep(0.02)


def end_marked(name: str, detail: Detail) -> None:
    """Every process of the session ``name``, also those that were started but not yet written down."""
    mark = f"{MARK}={name}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            marked = mark in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marked and pid != os.getpid():
            end_process("", {"pid": pid, "started": start_time(pid), "signal": "SIGKILL"})


def delete_namespace(name: str, detail: Detail) -> None:
    """A named network namespace, with the processes that still live in it."""
    if not Path("/run/netns", name).exists():
        return
    listed = _done("ip", "netns", "pids", name)
    for pid in listed.stdout.split():
        end_process("", {"pid": int(pid), "started": start_time(int(pid)), "grace": 1.0})
    _call("ip", "netns", "delete", name)


def delete_link(name: str, detail: Detail) -> None:
    """A network interface of this machine."""
    if Path("/sys/class/net", name).exists():
        _call("ip", "link", "delete", name)


def delete_path(name: str, detail: Detail) -> None:
    """A file or a folder; what is still mounted in it is unmounted first and nothing else is touched."""
    path = Path(name)
    if any(one == name or one.startswith(f"{name}/") for one in mounts()):
        unmount(name, detail)
    if any(one == name or one.startswith(f"{name}/") for one in mounts()):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


UNDO: dict[str, Callable[[str, Detail], None]] = {
    "mount": unmount,
    "loop": detach,
    "loop-file": detach_file,
    "process": end_process,
    "marked": end_marked,
    "namespace": delete_namespace,
    "link": delete_link,
    "path": delete_path,
}
"""Kind of thing to what unmakes it."""


def _call(*command: str) -> int:
    return _done(*command).returncode


def _done(*command: str) -> subprocess.CompletedProcess[str]:
    """Where a session finds its programs: what it made is unmade by whoever has a shorter PATH, too."""
    environment = {**os.environ, "PATH": search_path()}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


_PROCESSES = ("process", "marked")


def in_order(kinds: Sequence[str]) -> list[int]:
    """The positions of things in the order of their end: processes first, then the last made first."""
    backwards = list(reversed(range(len(kinds))))
    return sorted(backwards, key=lambda position: kinds[position] not in _PROCESSES)
