"""Three systems of the estate on every backend."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

Bodies = Callable[[str], list[str]]


def _words(aws: Any, table: str) -> dict[str, int]:
    items = aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["word"]["S"]: int(item["seen"]["N"]) for item in items}


def _said(system: Any, aws: Any, text: str, at: str) -> dict[str, Any]:
    """The webhook's event, straight to the function: for backends that have no HTTP APIs."""
    secret = aws.secretsmanager.get_secret_value(SecretId=system["SlackToken"].physical_id)
    form = {"token": secret["SecretString"], "channel_id": "C1", "timestamp": at, "text": text}
    event = {"version": "2.0", "body": urlencode(form), "isBase64Encoded": False}
    name = system.function("WordCounter")
    answer = aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return dict(json.loads(answer["Payload"].read()))


@pytest.mark.capability("word-counter", "functions")
def test_words_count_1_and_then_12(stack: Any, fabric: Any, aws: Any) -> None:
    system = stack("templates/word-counter", config="test")
    first = _said(system, aws, "awsadvent some", "1.1")
    assert json.loads(first["body"]) == {"text": "awsadvent: 1, some: 1"}
    fabric.run_until_idle(timeout=30)
    assert _words(aws, system.table("Words")) == {"awsadvent": 11, "some": 11}
    second = _said(system, aws, "awsadvent some", "1.2")
    assert json.loads(second["body"]) == {"text": "awsadvent: 12, some: 12"}


@pytest.mark.capability("word-counter", "http-api")
def test_words_are_counted_through_the_api(stack: Any, fabric: Any, aws: Any) -> None:
    system = stack("templates/word-counter", config="test")
    secret = aws.secretsmanager.get_secret_value(SecretId=system["SlackToken"].physical_id)
    form = {"token": secret["SecretString"], "channel_id": "C1", "timestamp": "1.1", "text": "word"}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = fabric.world.http.request("POST", system.outputs["WebhookUrl"], headers, urlencode(form))
    assert (answer.status, answer.json()) == (200, {"text": "word: 1"})


@pytest.mark.capability("order-processing")
def test_orders_above_5000_take_the_priority_queue_and_trials_neither(
    stack: Any, fabric: Any, aws: Any, bodies: Bodies
) -> None:
    system = stack("templates/order-processing", config="test")
    orders = [("0", 5000, "Placed"), ("1", 5000.01, "Placed"), ("2", 12, "Placed"), ("t", 9000, "Trial")]
    for number, total, kind in orders:
        aws.sns.publish(
            TopicArn=system.topic("Orders"),
            Message=json.dumps({"order_id": number, "total": total}),
            MessageAttributes={"event": {"DataType": "String", "StringValue": f"Order{kind}"}},
        )
    fabric.run_until_idle(timeout=60)
    ways = ("PriorityOrders", "StandardOrders", "DevelopmentOrders")
    found = {way: sorted(json.loads(body)["order_id"] for body in bodies(system.queue(way))) for way in ways}
    assert (found["PriorityOrders"], found["StandardOrders"]) == (["1"], ["0", "2"])
    assert "t" in found["DevelopmentOrders"]


@pytest.mark.capability("list-updates")
def test_the_newest_update_of_a_child_stays(stack: Any, fabric: Any, aws: Any, bodies: Bodies) -> None:
    system = stack("templates/list-updates", config="test")
    updates = [
        {"child_id": f"c{child}", "behaviour": behaviour, "location": "North", "at": at}
        for child in range(20)
        for behaviour, at in (("nice", "2026-12-02T00:00:00Z"), ("naughty", "2026-12-01T00:00:00Z"))
    ]
    for start in range(0, len(updates), 10):
        entries = [
            {"Id": str(number), "MessageBody": json.dumps(update)}
            for number, update in enumerate(updates[start : start + 10])
        ]
        aws.sqs.send_message_batch(QueueUrl=system.queue("Updates"), Entries=entries)
    aws.sqs.send_message(QueueUrl=system.queue("Updates"), MessageBody="no update")
    fabric.run_until_idle(timeout=60)
    items = aws.dynamodb.scan(TableName=system.table("List"), ConsistentRead=True)["Items"]
    assert {item["child_id"]["S"]: item["behaviour"]["S"] for item in items} == {
        f"c{child}": "nice" for child in range(20)
    }
    assert bodies(system.queue("FailedUpdates")) == ["no update"]
