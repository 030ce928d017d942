"""Workers: overrunning, crashing and failing jobs cost themselves only."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from stackproof.gate.pool import Ended, Part, Pool, Prepared, Ready, Unfit


def _run(work, jobs, workers=2, limit=30.0):
    parts: dict[int, list[bytes]] = {}
    ended: dict[int, Ended] = {}
    with Pool(limit) as pool:
        pool.give(pool.open(lambda: Ready(work), workers), jobs)
        for event in pool.events():
            if isinstance(event, Part):
                parts.setdefault(event.job, []).append(event.payload)
            else:
                assert event.job not in ended
                ended[event.job] = event
    return parts, ended


def test_every_job_is_done_once_in_other_processes():
    def work(job):
        yield str(os.getpid()).encode()
        yield b"x" * 100_000

    parts, ended = _run(work, list(range(7)))
    assert sorted(parts) == sorted(ended) == list(range(7))
    assert all(len(answer) == 2 and len(answer[1]) == 100_000 for answer in parts.values())
    pids = {int(answer[0]) for answer in parts.values()}
    assert os.getpid() not in pids
    assert len(pids) <= 2
    assert not any(event.failure for event in ended.values())


def test_a_job_over_its_limit_is_cut_off_and_keeps_what_it_said():
    def work(job):
        yield b"first"
        if job == 1:
            time.sleep(600)
        yield b"second"

    parts, ended = _run(work, [0, 1, 2, 3], limit=1.5)
    assert ended[1].overran
    assert parts[1] == [b"first"]
    assert all(parts[job] == [b"first", b"second"] and not ended[job].failure for job in (0, 2, 3))


def _crash() -> None:
    faulthandler.disable()  # what it would write looks, in a log, like a crash of the test run
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (_crash, "SIGSEGV"),
        (lambda: os._exit(7), "code 7"),
        (lambda: (_ for _ in ()).throw(ValueError("odd template")), "ValueError: odd template"),
    ],
)
def test_a_job_that_ends_its_worker_is_told_and_the_others_are_done(end, told):
    def work(job):
        if job == 1:
            next(iter(end())) if end() is not None else None
        yield b"done"

    parts, ended = _run(work, [0, 1, 2, 3, 4])
    assert told in ended[1].failure
    assert not ended[1].overran
    assert sorted(parts) == [0, 2, 3, 4]


def test_recursion_without_end_is_a_failure_of_its_job():
    def work(job):
        def deeper() -> int:
            return deeper() + 1

        yield str(deeper()).encode()

    _, ended = _run(work, [0])
    assert "RecursionError" in ended[0].failure


def test_what_a_job_prints_does_not_reach_stdout(capfd):
    def work(job):
        print("noise", flush=True)
        os.write(1, b"noise")
        yield b"done"

    parts, _ = _run(work, [0])
    assert parts == {0: [b"done"]}
    assert capfd.readouterr().out == ""


def _workers_of(marker: Path) -> list[int]:
    return [int(name) for name in marker.read_text().split()] if marker.exists() else []


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(tmp_path, how):
    marker = tmp_path / "pids"
    program = textwrap.dedent(
        f"""
        import os, signal, time
        from stackproof.gate.pool import Pool, Ready

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits none

        def work(job):
            with open({str(marker)!r}, "a") as file:
                file.write(f"{{os.getpid()}} ")
            for _ in range(300):
                time.sleep(0.1)
                yield b"still here"

        with Pool(600) as pool:
            pool.give(pool.open(lambda: Ready(work), 2), [0, 1, 2, 3])
            list(pool.events())
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(_workers_of(marker)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = _workers_of(marker)
    assert len(workers) == 2
    parent.send_signal(how)
    parent.wait(60)
    while any(map(_is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_running, workers))


def test_a_worker_that_cannot_prepare_is_told_before_any_job():
    def prepare():
        raise LookupError("no engine")

    with Pool(30) as pool:
        pool.give(pool.open(prepare), [0])
        with pytest.raises(Unfit, match="no engine"):
            list(pool.events())


def test_a_lane_prepares_before_its_jobs_are_known_and_only_a_job_has_a_limit():
    def prepare():
        time.sleep(1.0)
        return Ready(lambda job: iter([str(job).encode()]), b"prepared")

    with Pool(0.5) as pool:
        lane, unused = pool.open(prepare), pool.open(prepare)
        pool.close(unused)
        pool.give(lane, [3, 4])
        events = list(pool.events())
    assert events[0] == Prepared(b"prepared")
    assert [event.payload for event in events if isinstance(event, Part)] == [b"3", b"4"]
    assert [event.failure for event in events if isinstance(event, Ended)] == ["", ""]


def test_a_worker_that_dies_while_it_prepares_loses_its_job_only():
    with Pool(30) as pool:
        pool.give(pool.open(lambda: os._exit(9)), [0])
        pool.give(pool.open(lambda: Ready(lambda job: iter([b"done"]))), [1])
        ended = {event.job: event.failure for event in pool.events() if isinstance(event, Ended)}
    assert "code 9" in ended[0]
    assert ended[1] == ""
