"""A queue gets what its policy lets in, in the same account too."""

from __future__ import annotations

import json
from typing import Any

import pytest

ARN = "arn:aws:sqs:us-east-1:123456789012:"
RULE = "arn:aws:events:us-east-1:123456789012:rule/r"


def statement(service: str, source: str, effect: str = "Allow") -> dict[str, Any]:
    return {
        "Effect": effect, "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": "*", "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }  # fmt: skip


def queue(backend: Any, name: str, *statements: dict[str, Any]) -> str:
    """The URL of a queue with a policy, or with none."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}) if statements else ""
    attributes = {"Policy": policy} if policy else {}
    return str(backend.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def held(backend: Any, url: str) -> int:
    backend.world.run_until_idle()
    return len(backend.client("sqs").receive_message(QueueUrl=url).get("Messages", []))


DENIED = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
POLICIES = [
    ([], 0),
    ([("own", "Allow")], 1),
    ([("else", "Allow")], 0),
    ([("own", "Allow"), ("", "Deny")], 0),
]


def written(service: str, source: str, given: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        DENIED if effect == "Deny" else statement(service, source if whose == "own" else f"{source}-else")
        for whose, effect in given
    ]


@pytest.mark.parametrize(("given", "count"), POLICIES)
def test_a_topic_reaches_a_queue_that_lets_it_in(
    backend: Any, given: list[tuple[str, str]], count: int
) -> None:
    sns = backend.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    url = queue(backend, "q", *written("sns", topic, given))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{ARN}q")
    sns.publish(TopicArn=topic, Message="m")
    assert held(backend, url) == count
    failures = backend.world.journal.entries(verb="sns.DeliveryFailed")
    assert len(failures) == 1 - count
    assert all(one.result.startswith("error AccessDenied: the resource's policy") for one in failures)


@pytest.mark.parametrize(("open_queue", "count"), [(True, 1), (False, 0)])
def test_the_policy_of_the_dead_letter_queue_counts_too(backend: Any, open_queue: bool, count: int) -> None:
    sns = backend.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    queue(backend, "q")
    dead = queue(backend, "dead", *([statement("sns", topic)] if open_queue else []))
    redrive = json.dumps({"deadLetterTargetArn": f"{ARN}dead"})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{ARN}q", Attributes={"RedrivePolicy": redrive})
    sns.publish(TopicArn=topic, Message="m")
    assert held(backend, dead) == count
    lost = backend.world.journal.entries(verb="sns.MessageLost")
    assert ["AccessDenied" in one.result for one in lost] == [True] * (1 - count)


@pytest.mark.parametrize(("given", "count"), POLICIES)
def test_a_rule_without_a_role_reaches_a_queue_that_lets_it_in(
    backend: Any, given: list[tuple[str, str]], count: int
) -> None:
    events = backend.client("events")
    url = queue(backend, "q", *written("events", RULE, given))
    dead = queue(backend, "dead", statement("events", RULE))
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["shop"]}))
    target = {"Id": "1", "Arn": f"{ARN}q", "DeadLetterConfig": {"Arn": f"{ARN}dead"}}
    events.put_targets(Rule="r", Targets=[target])
    events.put_events(Entries=[{"Source": "shop", "DetailType": "d", "Detail": "{}"}])
    assert held(backend, url) == count
    attributes = {"QueueUrl": dead, "MessageAttributeNames": ["All"]}
    buried = backend.client("sqs").receive_message(**attributes).get("Messages", [])
    codes = [one["MessageAttributes"]["ERROR_CODE"]["StringValue"] for one in buried]
    assert codes == ["NO_PERMISSIONS"] * (1 - count)


def test_a_topic_lets_a_rule_in_by_its_policy_only(backend: Any) -> None:
    events, sns = backend.client("events"), backend.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    url = queue(backend, "q", statement("sns", topic))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{ARN}q")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": topic}])
    entry = {"Source": "shop", "DetailType": "d", "Detail": "{}"}
    events.put_events(Entries=[entry])
    assert held(backend, url) == 0
    let_in = {**statement("events", RULE), "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [let_in]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    events.put_events(Entries=[entry])
    assert held(backend, url) == 1
