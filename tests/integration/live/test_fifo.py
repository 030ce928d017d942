"""What keeps its order: FIFO queues as event sources, FIFO topics."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

STACK = "stacks/fifo.yaml"
Bodies = Callable[[str], list[str]]


def _send(aws: Any, url: str, group: str, *bodies: str) -> None:
    for body in bodies:
        aws.sqs.send_message(
            QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=f"{group}{body}"
        )


def _steps(aws: Any, table: str) -> dict[str, list[str]]:
    items = aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["id"]["S"]: [step["S"] for step in item["steps"]["L"]] for item in items}


@pytest.mark.capability("fifo-mappings")
def test_each_group_is_read_in_its_order_and_once(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK, require="emulated")
    steps = [f"{number}" for number in range(6)]
    for step in steps:
        for group in ("a", "b"):
            _send(aws, deployed.queue("Steps"), group, step)
    _send(aws, deployed.queue("Steps"), "a", "0", "5")
    fabric.run_until_idle(timeout=30)
    assert _steps(aws, deployed.table("Seen")) == {"a": steps, "b": steps}


@pytest.mark.capability("fifo-mappings")
def test_a_group_goes_on_when_its_failed_message_is_given_up(
    stack: Any, fabric: Any, aws: Any, bodies: Bodies
) -> None:
    deployed = stack(STACK, parameters={"Visibility": 1})
    _send(aws, deployed.queue("Steps"), "a", "0", "poison")
    _send(aws, deployed.queue("Steps"), "b", "0")
    fabric.run_until_idle(timeout=30)
    assert bodies(deployed.queue("Dead")) == ["poison"]
    _send(aws, deployed.queue("Steps"), "a", "1")
    fabric.run_until_idle(timeout=30)
    assert _steps(aws, deployed.table("Seen")) == {"a": ["0", "1"], "b": ["0"]}


@pytest.mark.capability("fifo-topics")
def test_a_topic_hands_on_in_order_once_and_what_the_body_filter_lets_through(
    stack: Any, fabric: Any, aws: Any, bodies: Bodies
) -> None:
    deployed = stack(STACK)
    publish = {"TopicArn": deployed.topic("Topic"), "MessageGroupId": "g"}
    for name, number in (("step", 1), ("other", 1), ("step", 2), ("step", 1), ("step", 3)):
        message = {"Message": json.dumps({name: number}), "MessageDeduplicationId": f"{name}{number}"}
        aws.sns.publish(**publish, **message)
    fabric.run_until_idle(timeout=30)
    assert [json.loads(body) for body in bodies(deployed.queue("Copies"))] == [{"step": n} for n in (1, 2, 3)]
