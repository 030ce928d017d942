"""SQS to Lambda to DynamoDB: batches, filters, partial responses, redrive, accounts, time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

STACK = "stacks/inbox.yaml"


def _send(aws: Any, url: str, **body: Any) -> None:
    aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": "wanted", **body}))


def _seen(aws: Any, table: str) -> dict[str, int]:
    items = aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["id"]["S"]: int(item["seen"]["N"]) for item in items}


@pytest.mark.capability("queue-mappings")
def test_every_message_is_written_once(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK, require="emulated")
    for number in range(12):
        _send(aws, deployed.queue("Inbox"), id=str(number))
    fabric.run_until_idle(timeout=30)
    assert _seen(aws, deployed.table("Items")) == {str(number): 1 for number in range(12)}


@pytest.mark.capability("queue-mappings")
def test_only_the_failed_message_of_a_batch_returns_and_ends_in_the_dead_letter_queue(
    stack: Any, fabric: Any, aws: Any, bodies: Callable[[str], list[str]]
) -> None:
    deployed = stack(STACK)
    for number in range(3):
        _send(aws, deployed.queue("Inbox"), id=str(number))
    _send(aws, deployed.queue("Inbox"), poison=True)
    fabric.run_until_idle(timeout=30)
    assert [json.loads(body)["poison"] for body in bodies(deployed.queue("Dead"))] == [True]
    assert _seen(aws, deployed.table("Items")) == {"0": 1, "1": 1, "2": 1}


@pytest.mark.capability("mapping-filters")
def test_what_the_filter_refuses_is_gone(
    stack: Any, fabric: Any, aws: Any, bodies: Callable[[str], list[str]]
) -> None:
    deployed = stack(STACK)
    _send(aws, deployed.queue("Inbox"), id="a", kind="other")
    _send(aws, deployed.queue("Inbox"), id="b")
    fabric.run_until_idle(timeout=30)
    assert _seen(aws, deployed.table("Items")) == {"b": 1}
    assert bodies(deployed.queue("Inbox")) == []


@pytest.mark.capability("journal")
def test_the_journal_tells_who_wrote_what(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    _send(aws, deployed.queue("Inbox"), id="a")
    fabric.run_until_idle(timeout=30)
    [write] = fabric.journal.entries(verb="dynamodb.UpdateItem")
    assert (write.actor, write.target) == (deployed.function("Writer"), deployed.table("Items"))


@pytest.mark.capability("stacks")
def test_a_deleted_stack_leaves_nothing(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    deployed.delete()
    assert aws.sqs.list_queues().get("QueueUrls", []) == []
    assert aws.dynamodb.list_tables()["TableNames"] == []
    assert aws("lambda").list_functions()["Functions"] == []


@pytest.mark.capability("advance")
def test_a_message_is_delayed_until_time_passes(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    body = json.dumps({"kind": "wanted", "id": "late"})
    aws.sqs.send_message(QueueUrl=deployed.queue("Inbox"), MessageBody=body, DelaySeconds=900)
    fabric.advance(seconds=899)
    assert _seen(aws, deployed.table("Items")) == {}
    fabric.advance(seconds=1)
    assert _seen(aws, deployed.table("Items")) == {"late": 1}


@pytest.mark.capability("step")
def test_work_is_done_in_single_steps(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    _send(aws, deployed.queue("Inbox"), id="a")
    steps = 0
    while fabric.step():
        steps += 1
    assert steps > 1
    assert _seen(aws, deployed.table("Items")) == {"a": 1}


@pytest.mark.capability("snapshot")
def test_a_world_is_taken_back(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    before = fabric.snapshot()
    _send(aws, deployed.queue("Inbox"), id="a")
    fabric.run_until_idle()
    fabric.restore(before)
    assert _seen(aws, deployed.table("Items")) == {}
