"""What a session makes is unmade: by itself, by its guard when it is killed, or by the next session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.hosts.journal import NAME, Journal, clean, sweep
from stackproof.hosts.undo import MARK, in_order, start_time

SESSION = """
import os, subprocess, sys, time
from pathlib import Path
from stackproof.hosts.journal import Journal
journal = Journal(Path(sys.argv[1]))
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
journal.process(child)
marked = subprocess.Popen(["sleep", "600"], start_new_session=True,
                          env={**os.environ, "STACKPROOF_SESSION": journal.folder.name})
made = Path(sys.argv[2])
journal.made("path", str(made))
made.mkdir()
(made / "file").touch()
print(child.pid, marked.pid, journal._guard.pid, flush=True)
time.sleep(600)
"""


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def started(tmp_path: Path) -> tuple[subprocess.Popen[str], list[int]]:
    command = [sys.executable, "-c", SESSION, str(tmp_path / "sessions" / "one"), str(tmp_path / "made")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


def gone(pid: int) -> bool:
    return start_time(pid) == 0


def test_closing_unmakes_the_last_first_and_leaves_no_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one")
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "inner"
    for path in (outer, inner):
        journal.made("path", str(path))
        path.mkdir()
    journal.close()
    assert not outer.exists()
    assert not (tmp_path / "one").exists()
    journal.close()


def test_one_thing_can_be_unmade_before_the_rest(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one")
    first, second = tmp_path / "first", tmp_path / "second"
    made = [journal.made("path", str(path)) for path in (first, second)]
    first.touch()
    second.touch()
    journal.undo(made[0])
    assert (first.exists(), second.exists()) == (False, True)
    journal.close()
    assert not second.exists()


def test_a_kind_that_nobody_can_unmake_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one")
    with pytest.raises(KeyError):
        journal.made("rocket", "x")
    journal.close()


def test_processes_end_before_what_they_use(tmp_path: Path) -> None:
    kinds = ["marked", "mount", "process", "mount"]
    assert [kinds[position] for position in in_order(kinds)] == ["process", "marked", "mount", "mount"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_guard_unmakes_what_a_killed_session_made(tmp_path: Path, number: signal.Signals) -> None:
    process, pids = started(tmp_path)
    process.send_signal(number)
    process.wait(60)
    assert until(lambda: all(gone(pid) for pid in pids))
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "sessions" / "one").exists()


def test_the_next_session_unmakes_what_a_session_killed_with_its_guard_made(tmp_path: Path) -> None:
    process, pids = started(tmp_path)
    os.kill(pids[2], signal.SIGKILL)
    process.kill()
    process.wait(60)
    assert not gone(pids[0])
    assert sweep(tmp_path / "sessions")
    assert until(lambda: all(gone(pid) for pid in pids))
    assert not (tmp_path / "made").exists()


def test_a_session_that_lives_is_not_swept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one")
    kept = tmp_path / "kept"
    journal.made("path", str(kept))
    kept.touch()
    assert sweep(tmp_path) == []
    assert kept.exists()
    journal.close()


def test_a_line_cut_off_by_death_is_passed_over(tmp_path: Path) -> None:
    folder, made = tmp_path / "one", tmp_path / "made"
    folder.mkdir()
    made.touch()
    lines = [
        {"owner": 2**22 + 1, "started": 1},
        {"number": 1, "kind": "path", "name": str(made), "detail": {}},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"number": 2, "ki'
    (folder / NAME).write_text(text, encoding="utf-8")
    assert [one.name for one in clean(folder)] == [str(made)]
    assert not made.exists()


def test_a_process_number_that_was_given_again_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "600"])
    try:
        folder = tmp_path / "one"
        folder.mkdir()
        detail = {"pid": other.pid, "started": start_time(other.pid) - 1, "group": False}
        lines = [
            {"owner": 2**22 + 1, "started": 1},
            {"number": 1, "kind": "process", "name": "x", "detail": detail},
        ]
        (folder / NAME).write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")
        assert clean(folder)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_forked_child_does_not_end_its_parent_s_session(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one")
    kept = tmp_path / "kept"
    journal.made("path", str(kept))
    kept.touch()
    child = os.fork()
    if child == 0:
        journal.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert kept.exists()
    journal.close()
    assert MARK == "STACKPROOF_SESSION"
