"""Code of the user runs one task at a time, on the fabric's time and randomness."""

from __future__ import annotations

import asyncio
import datetime
import os
import random
import secrets
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.fabric.choice import Listed
from stackproof.fabric.tasks import Killed, Task, current


def test_sleep_passes_virtual_time_only(world, start) -> None:
    task = start(
        lambda: (time.sleep(3600), time.time(), time.monotonic(), datetime.datetime.now(datetime.UTC))[1:]
    )
    began = time.perf_counter()
    world.run_until_idle()
    now, monotonic, moment = task.result
    assert now == world.clock.now
    assert monotonic == 3600
    assert moment == world.clock.datetime()
    assert time.perf_counter() - began < 60
    assert abs(time.time() - now) > 3600


def test_randomness_comes_from_the_seed() -> None:
    def draw() -> tuple[object, ...]:
        return random.random(), uuid.uuid4(), os.urandom(4), secrets.token_hex(4), uuid.uuid1()

    def drawn(seed: int) -> object:
        with EmbeddedBackend(seed=seed) as backend:
            scheduler = backend.world.scheduler
            task = scheduler.spawn(Task(scheduler, "draw", draw))
            backend.world.run_until_idle()
            return task.result

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)
    assert draw() != draw()


def test_threads_of_a_task_share_its_clock(world, start) -> None:
    def work() -> list[float]:
        def nap(number: int) -> float:
            time.sleep(1)
            return time.monotonic()

        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(nap, range(5)))

    task = start(work)
    world.run_until_idle()
    assert task.result == [1, 1, 1, 2, 2]


def test_locks_and_events_of_a_task_suspend_it(world, start) -> None:
    def work() -> list[str]:
        seen: list[str] = []
        lock, event = threading.Lock(), threading.Event()

        def other() -> None:
            with lock:
                seen.append("other")
            event.set()

        with lock:
            thread = threading.Thread(target=other)
            thread.start()
            time.sleep(5)
            seen.append("first")
        event.wait()
        thread.join()
        return seen

    task = start(work)
    world.run_until_idle()
    assert task.result == ["first", "other"]


def test_an_event_loop_of_a_task_waits_on_the_virtual_clock(world, start) -> None:
    async def nap(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return time.monotonic()

    async def main() -> list[float]:
        slow = asyncio.get_running_loop().run_in_executor(None, time.sleep, 3)
        naps = await asyncio.gather(nap(5), nap(2))
        await slow
        return naps

    task = start(lambda: asyncio.run(main()))
    world.run_until_idle()
    slow, quick = task.result
    assert slow == pytest.approx(5, abs=0.01)
    assert quick == pytest.approx(2, abs=0.01)


def test_a_killed_task_cannot_swallow_its_end(world, start) -> None:
    reached: list[str] = []

    def work() -> None:
        for _ in range(3):
            try:
                time.sleep(10)
            except Exception:  # noqa: BLE001 - this is what must not help
                reached.append("swallowed")
            finally:
                reached.append("left")
        reached.append("end")

    task = start(work, on_done=lambda _: None)
    world.step()
    task.kill()
    world.run_until_idle()
    assert task.state == "killed"
    assert isinstance(task.error, Killed)
    assert reached == ["left"]


def test_a_task_can_be_killed_at_a_call(world, backend, start) -> None:
    url = backend.client("sqs").create_queue(QueueName="q")["QueueUrl"]

    def work() -> None:
        for number in range(3):
            boto3.client("sqs").send_message(QueueUrl=url, MessageBody=str(number))

    points: list[str] = []

    def on_point(task: Task, point: str) -> None:
        points.append(point)
        if len(points) == 4:
            task.kill()

    world.scheduler.on_point = on_point
    task = start(work, on_done=lambda _: None)
    world.run_until_idle()
    assert points == ["before sqs.SendMessage", "after sqs.SendMessage"] * 2
    assert task.state == "killed"
    names = ["ApproximateNumberOfMessages"]
    answer = backend.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    assert answer["Attributes"] == {"ApproximateNumberOfMessages": "2"}


def test_an_error_that_nobody_awaits_reaches_the_driver(world, start) -> None:
    def broken() -> None:
        raise ValueError("of the user")

    start(broken)
    with pytest.raises(ValueError, match="of the user"):
        world.run_until_idle()


def lost_update(choices: list[int]) -> int:
    """Two invocations that read and then write one counter, in the order of ``choices``."""
    with EmbeddedBackend(chooser=Listed(choices)) as backend:
        table = {"TableName": "t"}
        backend.client("dynamodb").create_table(
            **table,
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

        def count() -> None:
            client = boto3.client("dynamodb")
            item = client.get_item(**table, Key={"k": {"S": "x"}}).get("Item", {"n": {"N": "0"}})
            client.put_item(**table, Item={"k": {"S": "x"}, "n": {"N": str(int(item["n"]["N"]) + 1)}})

        world = backend.world
        for name in ("one", "two"):
            world.scheduler.spawn(Task(world.scheduler, name, count, identity=world.caller(actor=name)))
        world.run_until_idle()
        return int(backend.client("dynamodb").get_item(**table, Key={"k": {"S": "x"}})["Item"]["n"]["N"])


def test_a_schedule_can_lose_an_update_and_another_cannot() -> None:
    results = {lost_update([number >> bit & 1 for bit in range(6)]) for number in range(64)}
    assert results == {1, 2}
    assert lost_update([]) == lost_update([])


def test_nothing_runs_as_a_task_outside(world) -> None:
    assert current() is None


SCRIPT = """
import boto3, random, time, uuid
from stackproof.backends.embedded import EmbeddedBackend
from stackproof.fabric.choice import Seeded
from stackproof.fabric.tasks import Task
with EmbeddedBackend(seed=3, chooser=Seeded(3)) as backend:
    world = backend.world
    url = backend.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    topic = backend.client("sns").create_topic(Name="t")["TopicArn"]
    arn = "arn:aws:sqs:us-east-1:123456789012:q"
    backend.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    def work():
        for _ in range(3):
            time.sleep(random.random())
            boto3.client("sns").publish(TopicArn=topic, Message=str(uuid.uuid4()))
    for name in "abc":
        world.scheduler.spawn(Task(world.scheduler, name, work, identity=world.caller(actor=name)))
    world.run_until_idle()
    backend.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    print(world.journal.timeline() + world.journal.mermaid(), end="")
"""


def test_the_same_seed_gives_the_same_journal_in_a_new_process() -> None:
    def journal(hash_seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, check=True, env=environment
        ).stdout

    first = journal("1")
    assert first.count(b"sns.Publish") >= 9
    assert journal("2") == first
