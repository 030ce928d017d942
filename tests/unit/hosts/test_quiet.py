"""Measuring a rig's times: its processes go first, one rig at a time; builds wait where need be."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackproof.hosts import images, locks, quiet, rootfs
from stackproof.hosts.locks import building
from stackproof.hosts.model import HostEntry, Running
from stackproof.hosts.quiet import undisturbed

PATIENCE = 60.0
HOLDERS = {
    "a build": "from stackproof.hosts.locks import building\nwith building(cache):",
    "all turns": (
        "import contextlib\n"
        "from stackproof.hosts import locks, quiet\n"
        "with contextlib.ExitStack() as stack:\n"
        "    for one in quiet.turns(cache): stack.enter_context(locks.locked(one))"
    ),
}


@pytest.fixture
def kernel() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child, in a session of their own, as the kernel of a rig is."""
    script = "sleep 600 & read word; sleep 600 & wait"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, start_new_session=True) as process:
        until(lambda: len(members(process.pid)) == 2)
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def rig(kernel: subprocess.Popen[bytes], tmp_path: Path) -> Running:
    file = tmp_path / "pid"
    file.write_text(f"{kernel.pid}\n")
    return Running(HostEntry("rig", "uml", ("hil",)), "", frozenset(), paths={"pid": str(file)})


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose kernel permits no real time."""

    def refuse(thread: int, policy: int, parameter: os.sched_param) -> None:
        if policy != os.SCHED_OTHER:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def members(session: int) -> set[int]:
    return quiet._threads(session)


def policies(session: int) -> set[int]:
    return {os.sched_getscheduler(one) for one in members(session)}


@contextmanager
def held(what: str, cache: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock until it is killed."""
    text = f"import pathlib, time\ncache = pathlib.Path({str(cache)!r})\n{HOLDERS[what]}\n"
    text += "    print('held', flush=True)\n    time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def begun(entered: AbstractContextManager[object]) -> tuple[threading.Thread, list[object]]:
    """A thread that does something under a lock, and what it then has to say."""
    said: list[object] = []

    def do() -> None:
        with entered as told:
            said.append(told)

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    return thread, said


def test_the_processes_of_a_rig_go_first_while_its_times_are_measured(
    kernel: subprocess.Popen[bytes], rig: Running, tmp_path: Path
) -> None:
    try:
        os.sched_setscheduler(kernel.pid, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pytest.skip("this machine's kernel permits no real time")
    os.sched_setscheduler(kernel.pid, os.SCHED_OTHER, os.sched_param(0))
    assert kernel.stdin is not None
    with undisturbed(rig, tmp_path) as disturbed:
        assert disturbed == ""
        assert policies(kernel.pid) == {os.SCHED_RR}
        kernel.stdin.write(b"begin another one\n")
        kernel.stdin.flush()
        until(lambda: len(members(kernel.pid)) == 3)
    assert policies(kernel.pid) == {os.SCHED_OTHER}
    with pytest.raises(ZeroDivisionError), undisturbed(rig, tmp_path):
        1 / 0  # noqa: B018
    assert policies(kernel.pid) == {os.SCHED_OTHER}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.usefixtures("forbidden")
def test_without_real_time_a_measurement_waits_until_the_holder_ends_however_it_ends(
    holder: str, rig: Running, tmp_path: Path
) -> None:
    with held(holder, tmp_path) as other:
        thread, said = begun(undisturbed(rig, tmp_path))
        thread.join(0.5)
        assert said == [], "it did not wait"
        other.kill()
        thread.join(PATIENCE)
        assert said == [""]


def test_as_many_rigs_are_measured_at_once_as_there_are_processors(
    rig: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    with undisturbed(rig, tmp_path):
        second, told = begun(undisturbed(rig, tmp_path))
        second.join(PATIENCE)
        assert told == [""]
        with undisturbed(rig, tmp_path):
            third, said = begun(undisturbed(rig, tmp_path))
            third.join(0.5)
            assert said == [], "there were two processors for three"
    third.join(PATIENCE)
    assert said == [""]


@pytest.mark.usefixtures("forbidden")
def test_without_real_time_no_build_begins_while_a_time_is_measured(rig: Running, tmp_path: Path) -> None:
    with undisturbed(rig, tmp_path):
        thread, said = begun(building(tmp_path))
        thread.join(0.5)
        assert said == [], "it did not wait"
    thread.join(PATIENCE)
    assert said == [None]


@pytest.mark.usefixtures("forbidden")
def test_who_waited_long_enough_for_builds_says_what_disturbed_the_measurement(
    rig: Running, tmp_path: Path
) -> None:
    with building(tmp_path), undisturbed(rig, tmp_path, patience=0) as disturbed:
        assert disturbed == "measured while images were built, without a real-time priority"


def test_builds_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with held("a build", tmp_path):
        thread, said = begun(building(tmp_path))
        thread.join(PATIENCE)
        assert said == [None]


def test_a_rig_that_is_no_simulation_is_left_alone(tmp_path: Path) -> None:
    real = Running(HostEntry("rig", "existing", ("hil",)), "ssh://rig", frozenset())
    with held("all turns", tmp_path):
        thread, said = begun(undisturbed(real, tmp_path))
        thread.join(PATIENCE)
        assert said == [""]


def test_a_rig_that_is_gone_is_measured_and_says_so_itself(rig: Running, tmp_path: Path) -> None:
    Path(rig.paths["pid"]).unlink()
    with undisturbed(rig, tmp_path) as disturbed:
        assert disturbed == ""


@pytest.mark.parametrize("what", ["root file system", "disk"])
def test_an_image_is_built_under_the_lock_that_a_measurement_waits_for(what: str, tmp_path: Path) -> None:
    free: list[bool] = []

    def make(*_: object, **__: object) -> None:
        with locks.opened(locks.builds(tmp_path)) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free.append(True)
            except BlockingIOError:
                free.append(False)

    journal = SimpleNamespace(undo=lambda made: None)
    session: Any = SimpleNamespace(cache=tmp_path, id="1", made=lambda *of: None, journal=journal, run=make)
    if what == "disk":
        images.kept(session, "disk", "0123", make)
    else:
        rootfs.build(rootfs.Recipe(), session)
    assert free == [False]
