"""metric-poller: a schedule runs the inline function, what it sees becomes a metric, silence is an alarm."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

BASE = "https://map.example.net"
NAMES = {"test": "town hall test", "prod": "town-hall-roof"}


def routers(name: str, status: str = "online", clients: int = 3) -> dict[str, Any]:
    others = [{"name": f"{name}2", "status": "online", "clients": 40}, {"name": "mill", "status": "offline"}]
    return {"allTheRouters": [*others, {"name": name, "status": status, "clients": clients}]}


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/metric-poller", config="test")


@pytest.fixture
def answers(fabric: Any) -> Any:
    """``answers(value)``: what the list of routers answers from now on."""
    return lambda given: fabric.http.double(BASE, {("GET", "/data/routers.json"): given})


@pytest.fixture
def seen(system: Any, aws: Any, fabric: Any) -> Any:
    """``seen("Clients")``: the datapoints of a metric so far, minute by minute."""

    def values(metric: str) -> list[float]:
        now = fabric.world.clock.datetime()
        found = aws("cloudwatch").get_metric_statistics(
            Namespace=system.name,
            MetricName=metric,
            Dimensions=[{"Name": "AccessPoint", "Value": NAMES["test"]}],
            StartTime=now - timedelta(hours=5),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Maximum"],
        )
        return [point["Maximum"] for point in found["Datapoints"]]

    return values


@pytest.fixture
def mails(system: Any, aws: Any, look: Any) -> Any:
    """``mails()``: the states that were told since the last look."""
    queue = aws("sqs").create_queue(QueueName="reader")["QueueUrl"]
    names = ["QueueArn"]
    arn = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]["QueueArn"]
    look.let_in(queue, system.topic("Alerts"))
    raw = {"RawMessageDelivery": "true"}
    aws("sns").subscribe(TopicArn=system.topic("Alerts"), Protocol="sqs", Endpoint=arn, Attributes=raw)
    return lambda: [json.loads(message["Body"])["NewStateValue"] for message in look.take(queue)]


@pytest.mark.parametrize(("config", "minutes"), [("test", 5), ("prod", 2)])
def test_the_schedule_runs_the_function_every_so_many_minutes(
    config: str, minutes: int, stack: Any, fabric: Any, answers: Any, look: Any
) -> None:
    answers(routers(NAMES[config]))
    system = stack("templates/metric-poller", config=config)
    fabric.advance(3600)
    assert abs(look.runs(system.function("Checker")) - 60 // minutes) <= 1


def test_the_name_in_the_template_decides_whose_metric_it_is(
    system: Any, fabric: Any, answers: Any, seen: Any
) -> None:
    answers(routers(NAMES["test"], clients=3))
    fabric.advance(600)
    assert set(seen("Online")) == {1.0}
    assert set(seen("Clients")) == {3.0}


@pytest.mark.parametrize(
    "given", [routers("another"), routers(NAMES["test"], "offline"), {"allTheRouters": []}]
)
def test_an_access_point_that_is_gone_is_told_of_after_fifteen_minutes(
    given: Any, system: Any, fabric: Any, answers: Any, seen: Any, mails: Any
) -> None:
    answers(routers(NAMES["test"]))
    fabric.advance(3600)
    mails()
    answers(given)
    fabric.advance(14 * 60)
    assert mails() == []
    fabric.advance(6 * 60)
    assert mails() == ["ALARM"]
    assert seen("Online")[-1] == 0.0
    answers(routers(NAMES["test"]))
    fabric.advance(6 * 60)
    assert mails() == ["OK"]


@pytest.mark.parametrize("given", [500, "no JSON", {"another": "document"}])
def test_a_list_that_cannot_be_read_is_no_datapoint_and_in_the_end_an_alarm(
    given: Any, system: Any, fabric: Any, answers: Any, seen: Any, mails: Any, look: Any
) -> None:
    answers(routers(NAMES["test"]))
    fabric.advance(3600)
    mails()
    before = len(seen("Online"))
    answers(given)
    fabric.advance(3600)
    assert len(seen("Online")) == before
    assert mails() == ["ALARM"]
    kept = [json.loads(message["Body"]) for message in look.take(system.queue("FailedLooks"))]
    assert len(kept) >= 11
    assert {one["requestContext"]["condition"] for one in kept} == {"RetriesExhausted"}


def test_a_look_that_happens_twice_changes_nothing(
    system: Any, fabric: Any, answers: Any, seen: Any, aws: Any
) -> None:
    answers(routers(NAMES["test"]))
    for _ in range(2):
        aws("lambda").invoke(FunctionName=system.function("Checker"), Payload=b"{}")
    assert (seen("Online"), seen("Clients")) == ([1.0], [3.0])


def test_the_address_of_the_reader_is_a_parameter(system: Any, aws: Any) -> None:
    found = aws("sns").list_subscriptions_by_topic(TopicArn=system.topic("Alerts"))["Subscriptions"]
    assert [(one["Protocol"], one["Endpoint"]) for one in found] == [("email", "network@example.com")]


@pytest.mark.parametrize("name", ['x" or "1" == "1', "x\n", "${AWS::Region}", ""])
def test_what_is_no_plain_name_never_becomes_code(name: str, stack: Any) -> None:
    from stackproof.errors import StackproofError

    with pytest.raises(StackproofError, match="AccessPointName"):
        stack("templates/metric-poller", config="test", parameters={"AccessPointName": name})
