"""list-updates: a burst arrives with delay and without one lost, whatever happens on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

START = datetime(2025, 12, 23, 10, tzinfo=UTC)
WRITE_SECONDS = 0.005
"""What a write takes here; the fabric itself takes no time."""


def update(
    child: int, *, minute: int = 0, behaviour: str = "nice", location: str = "North Pole"
) -> dict[str, str]:
    at = START + timedelta(minutes=minute)
    return {"child_id": f"child-{child}", "behaviour": behaviour, "location": location, "at": at.isoformat()}


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/list-updates", config="test")


@pytest.fixture
def held(system: Any, look: Any) -> Any:
    """``held()``: the list as it is, by child."""
    return lambda: {item["child_id"]: item for item in look.items(system.table("List"))}


def test_an_update_reaches_the_list(system: Any, fabric: Any, look: Any, held: Any) -> None:
    look.send(system.queue("Updates"), [update(1, behaviour="naughty", location="Lapland")])
    fabric.run_until_idle()
    (item,) = held().values()
    at = str(int(START.timestamp() * 1000))
    assert item == {"child_id": "child-1", "behaviour": "naughty", "location": "Lapland", "at": at}


@pytest.mark.parametrize("writers", [1, 4])
def test_a_burst_arrives_late_and_whole_by_as_many_writers_as_are_reserved(
    writers: int, stack: Any, fabric: Any, faults: Any, look: Any
) -> None:
    system = stack("templates/list-updates", config="test", parameters={"WriterConcurrency": str(writers)})
    faults.slow("dynamodb", WRITE_SECONDS)
    begun = fabric.world.clock.elapsed
    look.send(system.queue("Updates"), [update(child) for child in range(2000)])
    fabric.run_until_idle()
    assert len(look.items(system.table("List"))) == 2000
    assert look.waiting(system.queue("Updates")) == look.waiting(system.queue("FailedUpdates")) == 0
    assert look.most_at_once(system.function("Writer")) == writers
    assert fabric.world.clock.elapsed - begun >= 2000 * WRITE_SECONDS / writers


def test_throttled_attempts_cost_no_update_its_place(
    system: Any, fabric: Any, faults: Any, look: Any, held: Any
) -> None:
    faults.slow("dynamodb", 10 * WRITE_SECONDS)
    look.send(system.queue("Updates"), [update(child) for child in range(2000)])
    fabric.run_until_idle()
    assert fabric.journal.entries(verb="lambda.Throttle")
    assert len(held()) == 2000
    assert look.waiting(system.queue("FailedUpdates")) == 0


@pytest.mark.fabric(journal="counts")
def test_a_hundred_thousand_updates_arrive(system: Any, fabric: Any, look: Any) -> None:
    look.send(system.queue("Updates"), [update(child) for child in range(100_000)])
    fabric.run_until_idle()
    assert {item["child_id"] for item in look.items(system.table("List"))} == {
        f"child-{child}" for child in range(100_000)
    }
    assert look.waiting(system.queue("Updates")) == look.waiting(system.queue("FailedUpdates")) == 0


@pytest.mark.parametrize("minutes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 2, 2)])
def test_the_newest_update_of_a_child_stays_in_whatever_order_they_come(
    minutes: tuple[int, ...], system: Any, fabric: Any, look: Any, held: Any
) -> None:
    for minute in minutes:
        look.send(system.queue("Updates"), [update(1, minute=minute, location=f"place {minute}")])
        fabric.run_until_idle()
    (item,) = held().values()
    assert item["location"] == "place 2"


def test_moments_are_compared_across_time_zones(system: Any, fabric: Any, look: Any, held: Any) -> None:
    later = {**update(1), "at": "2025-12-23T09:30:00-02:00", "location": "later"}
    look.send(system.queue("Updates"), [later])
    fabric.run_until_idle()
    look.send(system.queue("Updates"), [update(1, minute=60)])
    fabric.run_until_idle()
    assert held()["child-1"]["location"] == "later"


POISON = {
    "no JSON": "ho ho ho",
    "no child": json.dumps({**update(1), "child_id": None}),
    "no behaviour": json.dumps({**update(1), "behaviour": "mostly nice"}),
    "no time": json.dumps({**update(1), "at": "Christmas Eve"}),
    "no time zone": json.dumps({**update(1), "at": "2025-12-23T10:00:00"}),
    "no place": json.dumps({key: value for key, value in update(1).items() if key != "location"}),
    "no object": json.dumps([update(1)]),
    "nameless child": json.dumps({**update(1), "child_id": ""}),
    "too long a name": json.dumps({**update(1), "child_id": "x" * 2049}),
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_what_is_no_update_is_set_aside_with_a_reason_and_holds_nobody_up(
    body: str, system: Any, fabric: Any, look: Any, held: Any
) -> None:
    look.send(system.queue("Updates"), [update(2), body, update(3)])
    fabric.run_until_idle()
    assert set(held()) == {"child-2", "child-3"}
    (aside,) = look.take(system.queue("FailedUpdates"))
    assert aside["Body"] == body
    assert aside["MessageAttributes"]["reason"]["StringValue"]
    assert look.runs(system.function("Writer")) == 1


def test_only_what_the_table_refused_is_written_again(
    system: Any, fabric: Any, faults: Any, look: Any, held: Any
) -> None:
    refused = faults.refuse(
        "dynamodb.PutItem",
        "ProvisionedThroughputExceededException",
        lambda params: params["Item"]["child_id"]["S"] in ("child-3", "child-7"),
        times=2,
    )
    look.send(system.queue("Updates"), [update(child) for child in range(10)])
    fabric.run_until_idle()
    assert len(refused) == 2
    assert len(held()) == 10
    puts = fabric.journal.entries(verb="dynamodb.PutItem")
    assert len(puts) == 12
    assert look.waiting(system.queue("Updates")) == look.waiting(system.queue("FailedUpdates")) == 0


@pytest.mark.parametrize("point", ["before dynamodb.PutItem", "after dynamodb.PutItem"])
def test_a_writer_that_dies_in_the_middle_of_a_batch_loses_nothing(
    point: str, system: Any, fabric: Any, faults: Any, look: Any, held: Any
) -> None:
    died = faults.crash(point, after=4, times=2)
    look.send(system.queue("Updates"), [update(child) for child in range(20)])
    fabric.run_until_idle()
    assert len(died) == 2
    assert len(held()) == 20
    assert look.waiting(system.queue("Updates")) == look.waiting(system.queue("FailedUpdates")) == 0


def test_one_writer_in_test_and_more_in_production(stack: Any, aws: Any) -> None:
    reserved = {}
    for name in ("test", "prod"):
        made = stack("templates/list-updates", config=name, name=f"list-{name}")
        answer = aws("lambda").get_function_concurrency(FunctionName=made.function("Writer"))
        reserved[name] = answer["ReservedConcurrentExecutions"]
    assert reserved["test"] == 1
    assert reserved["prod"] > 1


def test_throttling_raises_alarms_that_somebody_can_hear(system: Any) -> None:
    alarms = {one.properties["MetricName"]: one.properties for one in system.resources.values()
              if one.type == "AWS::CloudWatch::Alarm"}  # fmt: skip
    assert alarms["Throttles"]["Dimensions"] == [{"Name": "FunctionName", "Value": system.function("Writer")}]
    assert alarms["WriteThrottleEvents"]["Dimensions"] == [
        {"Name": "TableName", "Value": system.table("List")}
    ]
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms.values()} == {(system.topic("Alarms"),)}


@pytest.fixture
def told(system: Any, aws: Any, look: Any) -> Any:
    """``told()``: the (metric, state) of every notification of an alarm so far."""
    sqs = aws("sqs")
    queue = sqs.create_queue(QueueName="somebody")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    look.let_in(queue, system.topic("Alarms"))
    aws("sns").subscribe(
        TopicArn=system.topic("Alarms"),
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
    )
    heard: list[tuple[str, str]] = []

    def notifications() -> list[tuple[str, str]]:
        messages = [json.loads(message["Body"]) for message in look.take(queue)]
        heard.extend((one["Trigger"]["MetricName"], one["NewStateValue"]) for one in messages)
        return list(heard)

    return notifications


@pytest.mark.parametrize(("minutes", "alarmed"), [(4, False), (11, True)])
def test_writers_that_are_throttled_for_three_periods_are_told_of(
    minutes: int, alarmed: bool, system: Any, fabric: Any, aws: Any, look: Any, told: Any
) -> None:
    fabric.advance(1800)
    writer = system.function("Writer")
    aws("lambda").put_function_concurrency(FunctionName=writer, ReservedConcurrentExecutions=0)
    look.send(system.queue("Updates"), [update(1)])
    fabric.advance(minutes * 60 + 30)
    aws("lambda").put_function_concurrency(FunctionName=writer, ReservedConcurrentExecutions=1)
    fabric.advance(30 * 60)
    assert (("Throttles", "ALARM") in told()) is alarmed


def test_a_burst_that_one_writer_takes_in_time_wakes_nobody(
    system: Any, fabric: Any, faults: Any, look: Any, told: Any
) -> None:
    faults.slow("dynamodb", 10 * WRITE_SECONDS)
    look.send(system.queue("Updates"), [update(child) for child in range(200)])
    fabric.run_until_idle()
    fabric.advance(1800)
    assert fabric.journal.entries(verb="lambda.Throttle")
    assert told() == []


def test_an_update_that_waits_for_an_hour_is_told_of_once(
    system: Any, fabric: Any, aws: Any, look: Any, told: Any
) -> None:
    aws("lambda").put_function_concurrency(
        FunctionName=system.function("Writer"), ReservedConcurrentExecutions=0
    )
    look.send(system.queue("Updates"), [update(1)])
    fabric.advance(59 * 60)
    assert ("ApproximateAgeOfOldestMessage", "ALARM") not in told()
    fabric.advance(60)
    assert told().count(("ApproximateAgeOfOldestMessage", "ALARM")) == 1
    fabric.advance(3600)
    assert told().count(("ApproximateAgeOfOldestMessage", "ALARM")) == 1


def test_an_update_that_is_set_aside_is_told_of(system: Any, fabric: Any, look: Any, told: Any) -> None:
    look.send(system.queue("Updates"), ["ho ho ho"])
    fabric.run_until_idle()
    fabric.advance(60)
    assert told() == [("ApproximateNumberOfMessagesVisible", "ALARM")]


def test_a_table_that_refuses_writes_for_five_minutes_is_told_of(
    system: Any, fabric: Any, faults: Any, look: Any, told: Any
) -> None:
    code = "ProvisionedThroughputExceededException"
    faults.refuse("dynamodb.PutItem", code, lambda params: True, times=10_000)
    for child in range(6):
        look.send(system.queue("Updates"), [update(child)])
        fabric.advance(60)
    assert ("WriteThrottleEvents", "ALARM") in told()


def test_one_refused_write_wakes_nobody(system: Any, fabric: Any, faults: Any, look: Any, told: Any) -> None:
    faults.refuse("dynamodb.PutItem", "ProvisionedThroughputExceededException", lambda params: True)
    look.send(system.queue("Updates"), [update(1)])
    fabric.run_until_idle()
    fabric.advance(900)
    assert told() == []
