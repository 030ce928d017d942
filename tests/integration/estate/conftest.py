"""What the tests of the estate do to a world: slow calls, refused calls, crashes; and how they look at it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from stackproof.fabric.service import ServiceError
from stackproof.fabric.tasks import current


class Faults:
    """Puts faults into the calls that functions make; the calls of the test itself stay as they are."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def slow(self, service: str, seconds: float) -> None:
        """Every call of a service takes time."""

        def wait(called: str, operation: str, params: Any, caller: Any) -> None:
            task = current()
            if task is not None and called == service:
                self._world.scheduler.sleep(task, seconds)

        self._world.guards.append(wait)

    def refuse(self, call: str, code: str, when: Callable[[Any], bool], times: int = 1) -> list[Any]:
        """Refuse a call (``dynamodb.PutItem``) with an AWS error; answers what was refused so far."""
        refused: list[Any] = []

        def guard(service: str, operation: str, params: Any, caller: Any) -> None:
            if current() is None or f"{service}.{operation}" != call or len(refused) >= times:
                return
            if when(params):
                refused.append(params)
                raise ServiceError(code, "refused by the test")

        self._world.guards.append(guard)
        return refused

    def crash(self, point: str, after: int = 0, times: int = 1) -> list[str]:
        """End an invocation where it stands: ``before dynamodb.PutItem``, ``after …``; the first ``after``
        passages go well. Answers the names of what was ended so far."""
        passed = 0
        ended: list[str] = []

        def watch(task: Any, here: str) -> None:
            nonlocal passed
            if here != point or len(ended) >= times:
                return
            passed += 1
            if passed > after:
                ended.append(task.name)
                task.kill(f"crashed {point}")

        self._world.scheduler.on_point = watch
        return ended


@pytest.fixture
def faults(fabric: Any) -> Faults:
    """Only the embedded backend has them; on others the test is skipped by name."""
    return Faults(fabric.world)


def _chunks(entries: list[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(entries)
    while part := list(islice(rest, size)):
        yield part


class Look:
    """Reads what a stack holds."""

    def __init__(self, aws: Any, fabric: Any) -> None:
        self._aws = aws
        self._fabric = fabric

    def items(self, table: str) -> list[dict[str, Any]]:
        """Every item of a table, numbers as text."""
        pages = self._aws("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [
            {name: next(iter(value.values())) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Every object of a bucket by its key."""
        s3 = self._aws("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Every message that can be received, taken off the queue."""
        sqs = self._aws("sqs")
        taken: list[dict[str, Any]] = []
        while True:
            answer = sqs.receive_message(
                QueueUrl=queue,
                MaxNumberOfMessages=10,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            for message in answer.get("Messages", []):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                taken.append(message)
            if not answer.get("Messages"):
                return taken

    def let_in(self, queue: str, topic: str) -> None:
        """Let a topic send to a queue."""
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._aws("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})

    def waiting(self, queue: str) -> int:
        """Messages of a queue, in whatever state."""
        names = ("", "NotVisible", "Delayed")
        wanted = [f"ApproximateNumberOfMessages{name}" for name in names]
        answer = self._aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=wanted)
        return sum(int(value) for value in answer["Attributes"].values())

    def send(self, queue: str, bodies: list[Any]) -> None:
        """Send each body as JSON (text as it is), ten a call."""
        for part in _chunks(bodies, 10):
            entries = [
                {"Id": str(index), "MessageBody": body if isinstance(body, str) else json.dumps(body)}
                for index, body in enumerate(part)
            ]
            answer = self._aws("sqs").send_message_batch(QueueUrl=queue, Entries=entries)
            assert not answer.get("Failed")

    def runs(self, function: str) -> int:
        """How often a function ran."""
        return len(self._fabric.journal.entries(verb="lambda.Run", target=function))

    def most_at_once(self, function: str) -> int:
        """The largest number of open invocations of a function."""
        most = now = 0
        for entry in self._fabric.journal:
            if entry.verb == "lambda.Run" and entry.target == function:
                now += 1
            elif entry.verb == "lambda.Return" and entry.actor == function:
                now -= 1
            most = max(most, now)
        return most


@pytest.fixture
def look(aws: Any, fabric: Any) -> Look:
    """What stacks hold, and what functions did."""
    return Look(aws, fabric)
