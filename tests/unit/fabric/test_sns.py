"""Topics beyond what the recordings show: retries, HTTP endpoints, order, filters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackproof.fabric.choice import Seeded
from stackproof.fabric.conditions import satisfied
from stackproof.fabric.service import Undeliverable
from stackproof.fabric.sns.filters import matches_attributes, matches_body


class Endpoint:
    """A web page or a function that fails a number of times."""

    def __init__(self, world: Any, kind: str, failures: int = 0, *, retry: bool = True) -> None:
        world.receivers[kind] = self
        self._world, self._failures, self._retry = world, failures, retry
        self.received: list[tuple[float, Any]] = []

    def deliver(self, arn: str, delivery: Any, done: Any) -> None:
        self.received.append((self._world.clock.elapsed, delivery))
        failed = len(self.received) <= self._failures
        done(Undeliverable("not now", retry=self._retry) if failed else None)


@pytest.fixture
def sns(backend) -> Any:
    return backend.client("sns")


OPEN = json.dumps({
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": "*",
    },
})  # fmt: skip
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def test_a_function_gets_the_event_of_sns(sns, world) -> None:
    endpoint = Endpoint(world, "lambda")
    topic = sns.create_topic(Name="t")["TopicArn"]
    arn = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION)["SubscriptionArn"]
    number = {"a": {"DataType": "Number", "StringValue": "1"}}
    sns.publish(TopicArn=topic, Message="hello", Subject="s", MessageAttributes=number)
    world.run_until_idle()
    record = json.loads(endpoint.received[0][1].body)["Records"][0]
    assert record["EventSubscriptionArn"] == arn
    assert record["Sns"]["Message"] == "hello"
    assert record["Sns"]["MessageAttributes"] == {"a": {"Type": "Number", "Value": "1"}}


def test_a_failing_function_is_tried_again_with_growing_pauses(sns, world) -> None:
    endpoint = Endpoint(world, "lambda", failures=6)
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION)
    sns.publish(TopicArn=topic, Message="m")
    world.run_until_idle()
    assert [elapsed for elapsed, _ in endpoint.received] == [0, 0, 0, 0, 1, 2, 3]


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(sns, backend, world) -> None:
    Endpoint(world, "lambda", failures=1, retry=False)
    sqs = backend.client("sqs")
    url = sqs.create_queue(QueueName="dead", Attributes={"Policy": OPEN})["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"})
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION, Attributes={"RedrivePolicy": policy})
    sns.publish(TopicArn=topic, Message="m")
    world.run_until_idle()
    body = sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]
    assert json.loads(body)["Message"] == "m"


def test_a_web_page_confirms_and_receives(sns, world) -> None:
    endpoint = Endpoint(world, "https", failures=0)
    topic = sns.create_topic(Name="t")["TopicArn"]
    answer = sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.test/hook")
    assert answer["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="unheard")
    world.run_until_idle()
    (_, confirmation), *rest = endpoint.received
    assert rest == []
    assert confirmation.context["headers"]["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    token = json.loads(confirmation.body)["Token"]
    arn = sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="heard")
    world.run_until_idle()
    assert json.loads(endpoint.received[1][1].body)["Message"] == "heard"
    sns.unsubscribe(SubscriptionArn=arn)
    world.run_until_idle()
    assert json.loads(endpoint.received[2][1].body)["Type"] == "UnsubscribeConfirmation"


def test_a_fifo_topic_keeps_the_order_for_each_queue(sns, backend, world) -> None:
    sqs = backend.client("sqs")
    world.scheduler.chooser = Seeded(4)
    settings = {"ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name="t.fifo", Attributes={"FifoTopic": "true", **settings})["TopicArn"]
    urls = []
    for name in ("a.fifo", "b.fifo"):
        urls.append(
            sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true", "Policy": OPEN, **settings})[
                "QueueUrl"
            ]
        )
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{name}",
            Attributes={"RawMessageDelivery": "true"},
        )  # fmt: skip
    for number in range(8):
        sns.publish(TopicArn=topic, Message=str(number), MessageGroupId="g")
    world.run_until_idle()
    for url in urls:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert [message["Body"] for message in messages] == list("01234567")


def test_archiving_is_refused_aloud(sns) -> None:
    with pytest.raises(Exception, match="not emulated"):
        sns.create_topic(Name="t.fifo", Attributes={"FifoTopic": "true", "ArchivePolicy": "{}"})


@pytest.mark.parametrize(
    ("condition", "yes", "no"),
    [
        ("a", "a", "A"),
        (1, 1.0, "1"),
        (True, True, 1),
        (None, None, "None"),
        ({"prefix": "ab"}, "abc", "cab"),
        ({"suffix": "ab"}, "cab", "abc"),
        ({"equals-ignore-case": "Ab"}, "aB", "abc"),
        ({"wildcard": "a*c*"}, "abbcd", "bac"),
        ({"wildcard": "a\\*c"}, "a*c", "abc"),
        ({"anything-but": ["a", "b"]}, "c", "a"),
        ({"anything-but": 5}, 6, 5),
        ({"anything-but": {"prefix": "a"}}, "b", "ab"),
        ({"anything-but": {"wildcard": "a*"}}, "b", "ab"),
        ({"numeric": [">", 1, "<=", 3]}, 3, 1),
        ({"numeric": ["=", 0.3]}, 0.3, "0.3"),
        ({"cidr": "10.0.0.0/24"}, "10.0.0.255", "10.0.1.0"),
    ],
)
def test_each_operator(condition: Any, yes: Any, no: Any) -> None:
    assert satisfied([condition], [yes])
    assert not satisfied([condition], [no])
    assert satisfied([condition], [no, yes])
    assert not satisfied([condition], None)


def test_exists_looks_at_presence() -> None:
    assert satisfied([{"exists": True}], [])
    assert satisfied([{"exists": False}], None)
    assert not satisfied([{"exists": False}], ["x"])
    assert not satisfied([{"exists": True}], None)


def test_alternatives_and_dots_in_the_body() -> None:
    policy = {"$or": [{"a": ["x"]}, {"b": [{"numeric": [">", 5]}]}], "c.d": ["e"]}
    assert matches_body(policy, '{"b": 6, "c": {"d": "e"}}')
    assert matches_body(policy, '{"a": "x", "c.d": "e"}')
    assert not matches_body(policy, '{"b": 5, "c": {"d": "e"}}')
    assert not matches_body(policy, '{"a": "x"}')
    assert not matches_body(policy, "[1]")


def test_one_element_of_an_array_must_satisfy_all() -> None:
    policy = {"records": {"name": ["a"], "size": [1]}}
    assert matches_body(policy, '{"records": [{"name": "b", "size": 1}, {"name": "a", "size": 1}]}')
    assert not matches_body(policy, '{"records": [{"name": "b", "size": 1}, {"name": "a", "size": 2}]}')


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=5), st.text(max_size=4))
def test_anything_but_is_the_opposite_of_exact(values: list[str], value: str) -> None:
    attributes = {"k": {"DataType": "String", "StringValue": value}}
    exact = matches_attributes({"k": values}, attributes)
    assert matches_attributes({"k": [{"anything-but": values}]}, attributes) is not exact


@pytest.mark.parametrize(("protocol", "endpoint"), [("lambda", FUNCTION), ("email", "a@example.com")])
def test_a_topic_that_keeps_order_delivers_to_queues_only(sns, protocol: str, endpoint: str) -> None:
    topic = sns.create_topic(Name="t.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    with pytest.raises(sns.exceptions.InvalidParameterException, match=f"Invalid protocol type: {protocol}"):
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    for queue in ("q.fifo", "q"):
        arn = f"arn:aws:sqs:us-east-1:123456789012:{queue}"
        assert sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
