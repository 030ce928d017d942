"""What code of the user does to its process and its clocks stays within its task."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import queue
import sched
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

from stackproof.errors import CapabilityMissing

_ENDS = {
    "exit status 3": lambda: os._exit(3),
    "": lambda: os._exit(0),
    "signal: aborted": os.abort,
    "signal: killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "signal: terminated": lambda: signal.raise_signal(signal.SIGTERM),
}


@pytest.mark.parametrize("reason", _ENDS)
def test_ending_the_process_ends_the_task_whatever_it_catches(world, start, reason) -> None:
    def work() -> None:
        try:
            _ENDS[reason]()
        except BaseException:  # noqa: BLE001 - nothing can be caught: the next call ends it again
            time.sleep(1)

    task = start(work if reason != "signal: aborted" else lambda: os.abort())
    world.run_until_idle()
    assert (task.state, task.error.reason) == ("killed", reason)


def test_a_thread_that_ends_the_process_ends_the_invocation(world, start) -> None:
    def work() -> None:
        threading.Thread(target=os._exit, args=(2,)).start()
        time.sleep(60)

    task = start(work)
    began = world.clock.now
    world.run_until_idle()
    assert task.error.reason == "exit status 2"
    assert world.clock.now == began


def test_a_signal_to_oneself_goes_to_the_handler_of_the_task(world, start) -> None:
    got: list[int] = []

    def work() -> str:
        signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGCHLD)
        os.kill(os.getpid(), 0)
        return "went on"

    task = start(work)
    world.run_until_idle()
    assert (task.result, got) == ("went on", [signal.SIGTERM])


def test_timers_that_raise_signals_are_refused(world, start) -> None:
    start(lambda: signal.alarm(3))
    with pytest.raises(CapabilityMissing, match=r"signal\.alarm"):
        world.run_until_idle()


def _queue() -> None:
    with pytest.raises(queue.Empty):
        queue.Queue().get(timeout=2)


def _full() -> None:
    full: queue.Queue[int] = queue.Queue(maxsize=1)
    full.put(1)
    with pytest.raises(queue.Full):
        full.put(2, timeout=2)


def _condition() -> None:
    condition = threading.Condition()
    with condition:
        assert not condition.wait_for(lambda: False, timeout=2)


def _semaphore() -> None:
    assert not threading.Semaphore(0).acquire(timeout=2)


def _barrier() -> None:
    with pytest.raises(threading.BrokenBarrierError):
        threading.Barrier(2).wait(timeout=2)


def _future() -> None:
    with pytest.raises(concurrent.futures.TimeoutError):
        concurrent.futures.Future().result(timeout=2)


def _completed() -> None:
    with pytest.raises(concurrent.futures.TimeoutError):
        list(concurrent.futures.as_completed([concurrent.futures.Future()], timeout=2))


def _sched() -> None:
    agenda = sched.scheduler()
    agenda.enter(2, 1, lambda: None)
    agenda.run()


def _select() -> None:
    assert select.select([], [], [], 2) == ([], [], [])


@pytest.mark.parametrize(
    "waiting", [_queue, _full, _condition, _semaphore, _barrier, _future, _completed, _sched, _select]
)
def test_timeouts_of_the_standard_library_are_virtual(world, start, waiting) -> None:
    task = start(waiting)
    began = world.clock.now
    world.run_until_idle()
    assert task.error is None
    assert 2 <= world.clock.now - began < 2.01


def test_child_processes_live_in_real_time(world, start) -> None:
    def work() -> None:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.2)
        child.kill()
        assert child.wait(timeout=30) == -signal.SIGKILL

    task = start(work)
    began = world.clock.now
    world.run_until_idle()
    assert task.error is None
    assert world.clock.now == began


@pytest.mark.parametrize("name", ["Pool", "Queue", "Lock", "SimpleQueue"])
def test_semaphores_of_multiprocessing_do_not_exist_on_lambda(world, start, name) -> None:
    def work() -> None:
        with pytest.raises(OSError, match="Errno 38"):
            getattr(multiprocessing, name)()

    task = start(work)
    world.run_until_idle()
    assert (task.state, task.error) == ("done", None)
    multiprocessing.Lock()


def test_a_sleep_ends_with_its_task(world, start) -> None:
    task = start(lambda: time.sleep(5000))
    world.scheduler.after(5, "timeout", lambda: task.kill("timed out"))
    began = world.clock.now
    world.run_until_idle()
    assert world.clock.now == began + 5
