"""SNS to queues and to functions, asynchronous invocation, logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

STACK = "stacks/fanout.yaml"
Bodies = Callable[[str], list[str]]


def _publish(aws: Any, topic: str, message: str, value: int, kind: str) -> None:
    attributes = {
        "value": {"DataType": "Number", "StringValue": str(value)},
        "kind": {"DataType": "String", "StringValue": kind},
    }
    aws.sns.publish(TopicArn=topic, Message=message, Subject="news", MessageAttributes=attributes)


@pytest.mark.capability("topic-filters")
def test_a_filter_decides_which_queue_gets_a_message(
    stack: Any, fabric: Any, aws: Any, bodies: Bodies
) -> None:
    deployed = stack(STACK)
    _publish(aws, deployed.topic("Topic"), "small", 5000, "none")
    _publish(aws, deployed.topic("Topic"), "large", 5001, "none")
    fabric.run_until_idle(timeout=30)
    assert bodies(deployed.queue("Large")) == ["large"]
    envelopes = [json.loads(body) for body in bodies(deployed.queue("All"))]
    assert sorted(envelope["Message"] for envelope in envelopes) == ["large", "small"]


@pytest.mark.capability("topics-to-functions")
def test_a_subscribed_function_gets_what_its_filter_lets_through(
    stack: Any, fabric: Any, aws: Any, bodies: Bodies
) -> None:
    deployed = stack(STACK)
    _publish(aws, deployed.topic("Topic"), "first", 1, "order")
    _publish(aws, deployed.topic("Topic"), "second", 1, "rumour")
    fabric.run_until_idle(timeout=30)
    [answer] = bodies(deployed.queue("Answers"))
    assert json.loads(answer) == {"source": "aws:sns", "subject": "news", "message": "first", "kind": "order"}


@pytest.mark.capability("topics-to-functions")
def test_a_subscription_shows_the_function_that_was_asked_for(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    found = aws.sns.list_subscriptions_by_topic(TopicArn=deployed.topic("Topic"))["Subscriptions"]
    function = deployed["Listener"].attributes["Arn"]
    assert [entry["Protocol"] for entry in found if entry["Endpoint"] == function] == ["lambda"]


@pytest.mark.capability("destinations")
def test_an_asynchronous_failure_reaches_its_destination(
    stack: Any, fabric: Any, aws: Any, bodies: Bodies
) -> None:
    deployed = stack(STACK)
    payload = json.dumps({"no": "records"})
    aws("lambda").invoke(FunctionName=deployed.function("Listener"), InvocationType="Event", Payload=payload)
    fabric.run_until_idle(timeout=30)
    [record] = (json.loads(body) for body in bodies(deployed.queue("All")))
    assert record["requestPayload"] == {"no": "records"}
    assert record["responsePayload"]["errorType"] == "KeyError"


@pytest.mark.capability("function-logs")
def test_what_a_function_prints_is_in_its_log_group(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    _publish(aws, deployed.topic("Topic"), "first", 1, "return")
    fabric.run_until_idle(timeout=30)
    group = f"/aws/lambda/{deployed.function('Listener')}"
    events = aws.logs.filter_log_events(logGroupName=group)["events"]
    assert [event["message"].strip() for event in events if "answered" in event["message"]] == ["answered 1"]
