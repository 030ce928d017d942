"""A write-ahead journal of what a session makes, so that it can be unmade whatever ends the session.

A thing is written down before it is made. Three ways lead to its end: the session's own, in reverse order;
a guard process that waits for the session's death (also by SIGKILL) and reads the journal then; and the next
session, which reads the journals of sessions whose guard died too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackproof.hosts.undo import UNDO, alive, delete_path, in_order, start_time

NAME = "made.jsonl"


@dataclass(frozen=True, slots=True)
class Made:
    """One thing: its kind (a key of ``undo.UNDO``), its name and what is needed to unmake it."""

    number: int
    kind: str
    name: str
    detail: dict[str, Any] = field(default_factory=dict)


class Journal:
    """The journal of this session, below ``folder``. Use ``close`` to unmake everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / NAME).open("a", encoding="utf-8")
        self._owner = os.getpid()
        self._write({"owner": self._owner, "started": start_time(self._owner)})
        self._count = 0
        self._standing: dict[int, Made] = {}
        self._guard = _start_guard(folder)
        self.made("marked", folder.name)

    def made(self, kind: str, name: str, **detail: Any) -> Made:
        """Write down a thing that is about to be made (a process: that was just started)."""
        if kind not in UNDO:
            raise KeyError(kind)
        self._count += 1
        one = Made(self._count, kind, name, detail)
        self._write({"number": one.number, "kind": kind, "name": name, "detail": detail})
        self._standing[one.number] = one
        return one

    def process(self, process: subprocess.Popen[Any], *, grace: float = 3.0, group: bool = True) -> Made:
        """Write down a process; with ``group`` it leads a group of its own (``start_new_session``)."""
        detail = {"pid": process.pid, "started": start_time(process.pid), "grace": grace, "group": group}
        return self.made("process", str(process.args), **detail)

    def undo(self, one: Made) -> None:
        """Unmake a thing now."""
        if self._standing.pop(one.number, None) is not None:
            UNDO[one.kind](one.name, one.detail)
            self._write({"gone": one.number})

    def close(self) -> None:
        """Unmake everything, the last first, and the journal with it. Does nothing in a forked child."""
        if os.getpid() != self._owner or self._file.closed:
            return
        for one in _ending(list(self._standing.values())):
            self.undo(one)
        self._file.close()
        _remove(self.folder)
        self._guard.communicate()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def sweep(sessions: Path) -> list[Made]:
    """Unmake what dead sessions left behind; returns it."""
    found: list[Made] = []
    for folder in sorted(sessions.glob("*")) if sessions.is_dir() else []:
        found += clean(folder)
    return found


def clean(folder: Path) -> list[Made]:
    """Unmake what a session left behind, unless it lives or somebody else is at it."""
    with _locked(folder / NAME) as text:
        if text is None:
            return []
        owner, standing = _read(text)
        if owner is None or alive(*owner):
            return []
        for one in _ending(standing):
            UNDO[one.kind](one.name, one.detail)
        _remove(folder)
        return standing


def _ending(standing: list[Made]) -> list[Made]:
    return [standing[position] for position in in_order([one.kind for one in standing])]


def _read(text: str) -> tuple[tuple[int, int] | None, list[Made]]:
    owner: tuple[int, int] | None = None
    standing: dict[int, Made] = {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the writer died within this line: the thing was not made yet
        if "owner" in entry:
            owner = (entry["owner"], entry["started"])
        elif "gone" in entry:
            standing.pop(entry["gone"], None)
        elif entry["kind"] in UNDO:
            standing[entry["number"]] = Made(entry["number"], entry["kind"], entry["name"], entry["detail"])
    return owner, list(standing.values())


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[str | None]:
    """The text of a file while nobody else cleans by it; None when it is gone or taken."""
    try:
        stream = file.open("r", encoding="utf-8")
    except OSError:
        yield None
        return
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        yield stream.read()


def _remove(folder: Path) -> None:
    delete_path(str(folder), {})


def _start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """A process that lives as long as its standard input is open, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "stackproof.hosts.guard", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
