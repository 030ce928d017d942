"""Threads that outlive their invocation are named in the journal."""

from __future__ import annotations

import json

import pytest

from stackproof.errors import UsageError

LEAVES = """
    import threading, time
    done = []
    def handler(event, context):
        thread = threading.Thread(target=lambda: (time.sleep(event["seconds"]), done.append(1)))
        thread.start()
        if event.get("join"):
            thread.join()
        return len(done)
    """
POOL = """
    from concurrent.futures import ThreadPoolExecutor
    pool = ThreadPoolExecutor(2)
    def handler(event, context):
        return list(pool.map(lambda n: n * 2, [1, 2, 3]))
    """


def left(lab):
    entries = lab.world.journal.entries(verb="lambda.ThreadsLeft")
    return [json.loads(entry.detail)["threads"] for entry in entries]


def test_a_thread_that_goes_on_is_said(lab):
    lab.function("f", LEAVES)
    assert lab.invoke("f", {"seconds": 1}).value == 0
    (names,) = left(lab)
    assert len(names) == 1
    assert names[0].startswith("Thread-*")
    (entry,) = lab.world.journal.entries(verb="lambda.ThreadsLeft")
    assert entry.actor == "f"


def test_a_thread_that_is_waited_for_is_not(lab):
    lab.function("f", LEAVES)
    assert lab.invoke("f", {"seconds": 1, "join": True}).value == 1
    assert left(lab) == []


def test_what_is_said_is_the_same_in_every_run(make_lab):
    timelines = []
    for _ in range(2):
        lab = make_lab(seed=2)
        lab.function("f", LEAVES)
        lab.invoke("f", {"seconds": 1})
        entries = lab.world.journal.entries(verb="lambda.*")
        timelines.append([str(entry) for entry in entries if entry.verb != "lambda.CreateFunction"])
        lab.backend.close()
    assert timelines[0] == timelines[1]


def test_a_pool_that_waits_for_work_does_not_hinder_a_snapshot(lab):
    lab.function("f", POOL)
    assert lab.invoke("f").value == [2, 4, 6]
    state = lab.world.snapshot()
    for _ in range(2):
        assert lab.invoke("f").value == [2, 4, 6]
        lab.world.restore(state)


def test_a_thread_at_work_does(lab):
    lab.function("f", LEAVES)
    lab.invoke("f", {"seconds": 10})
    lab.world.advance(1)
    with pytest.raises(UsageError, match=r"Thread-.* \(at sleep 10\)"):
        lab.world.snapshot()
    lab.world.advance(10)
    lab.world.snapshot()
