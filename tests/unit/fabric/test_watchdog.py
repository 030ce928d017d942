"""Code that never yields: busy waiting ends in virtual time, an endless loop is cut by real time."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import threading
import time

import pytest

from stackproof.errors import UsageError
from stackproof.fabric import watchdog
from stackproof.fabric.tasks import ENDLESS

_CLOCKS = {
    "time": lambda: time.time(),
    "monotonic": lambda: time.monotonic(),
    "perf_counter": lambda: time.perf_counter(),
    "datetime": lambda: datetime.datetime.now(datetime.UTC).timestamp(),
}


@pytest.mark.parametrize("read", _CLOCKS.values(), ids=_CLOCKS)
def test_busy_waiting_on_the_clock_ends(world, start, read) -> None:
    def work() -> float:
        began = read()
        while read() - began < 3:
            pass
        return float(read() - began)

    task = start(work)
    world.run_until_idle()
    assert 3 <= task.result < 3.1


def test_busy_waiting_lets_others_go_on_and_is_killed_in_time(world, start) -> None:
    def work() -> None:
        while True:
            time.time()

    task = start(work)
    world.scheduler.after(5, "kill", lambda: task.kill("time is up"))
    sleeper = start(lambda: (time.sleep(2), time.time()))
    began = world.clock.now
    world.run_until_idle()
    assert task.state == "killed"
    assert sleeper.result[1] == began + 2
    assert world.clock.now == began + 5


def test_reading_the_clock_now_and_then_moves_nothing(world, start) -> None:
    def work() -> None:
        for _ in range(5):
            for _ in range(900):
                time.time()
            time.sleep(1)

    start(work)
    began = world.clock.now
    world.run_until_idle()
    assert world.clock.now == began + 5


def _endless() -> None:
    while True:
        pass


def _stubborn() -> None:
    while True:
        try:
            _endless()
        except BaseException:  # noqa: BLE001 - a handler may do so
            return


@pytest.mark.parametrize("body", [_endless, _stubborn])
def test_an_endless_loop_stands_still_until_it_is_killed(world, start, body) -> None:
    world.scheduler.real_limit = 0.1
    task = start(body)
    world.scheduler.after(5, "kill", lambda: task.kill("time is up"))
    other = start(lambda: time.sleep(1) or "done")
    world.run_until_idle()
    assert (task.state, task.point, other.result) == ("killed", ENDLESS, "done")
    assert [entry.verb for entry in world.journal.entries() if entry.verb == "task.RealTimeLimit"]
    again = start(lambda: time.sleep(1) or "done")
    world.run_until_idle()
    assert again.result == "done"


def test_c_code_that_cannot_be_interrupted_is_named(world, start, monkeypatch) -> None:
    monkeypatch.setattr(watchdog, "GRACE", 0.2)
    world.scheduler.real_limit = 0.1
    reading, writing = os.pipe()
    start(lambda: os.read(reading, 1), "reader")
    with pytest.raises(UsageError, match=r"reader ran for .* cannot be interrupted \(in "):
        world.run_until_idle()
    os.write(writing, b"x")
    other = start(lambda: time.sleep(1) or "done")
    world.run_until_idle()
    assert other.result == "done"
    os.close(writing)


def test_a_machine_that_stands_still_cuts_nobody(world, start) -> None:
    world.scheduler.real_limit = 1.0
    me = os.getpid()
    stall = f"kill -STOP {me}; sleep 1.5; kill -CONT {me}"
    task = start(lambda: subprocess.run(["sh", "-c", stall], check=True).returncode)
    world.run_until_idle()
    assert (task.result, task.overran) == (0, False)


def test_an_interrupt_of_the_keyboard_ends_the_wait(world, start) -> None:
    task = start(_endless)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        world.run_until_idle()
    assert task.point == ENDLESS
    world.scheduler.abandon(task)
    assert task.done


@pytest.mark.parametrize(("told", "seconds"), [("", 30.0), ("2.5", 2.5), ("0", 0.0)])
def test_the_limit_comes_from_the_environment(monkeypatch, told, seconds) -> None:
    monkeypatch.setenv(watchdog.VARIABLE, told)
    assert watchdog.limit() == seconds


def test_a_limit_that_is_no_number_is_refused(monkeypatch) -> None:
    monkeypatch.setenv(watchdog.VARIABLE, "soon")
    with pytest.raises(UsageError, match="STACKPROOF_REAL_LIMIT is 'soon'"):
        watchdog.limit()
