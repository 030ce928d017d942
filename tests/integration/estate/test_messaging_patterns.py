"""messaging-patterns: each of the three loses nothing, whatever is down, and records a message once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from stackproof.fabric.service import ServiceError
from stackproof.proofs.strategies import strategies

FOLDER = "templates/messaging-patterns"
HOUR = 3600
DAY = 24 * HOUR
BRIDGES = {
    "eventbridge-sns.yaml": ("Notify", "Topic", "FailedNotifications"),
    "eventbridge-sqs.yaml": ("ApplyEvent", "Events", "FailedEvents"),
}
Records = Callable[[], dict[str, str]]


@pytest.fixture(params=BRIDGES)
def bridge(request: Any, stack: Any) -> Any:
    """A stack behind a rule; ``function``, ``target`` and ``failed`` are its logical ids."""
    made = stack(f"{FOLDER}/{request.param}", config="test", name="bridge")
    return made, *BRIDGES[request.param]


@pytest.fixture
def records(bridge: Any, look: Any) -> Records:
    """``records()``: what the table of the bridge holds, body by event id."""
    return lambda: {item["id"]: item["body"] for item in look.items(bridge[0].table("Records"))}


@pytest.fixture
def put(aws: Any) -> Callable[..., str]:
    """``put({"n": 1}, Source=…)``: one event; answers its id."""

    def one(detail: Any, **entry: Any) -> str:
        fields = {"Source": "demo.cli", "DetailType": "Demo", "Detail": json.dumps(detail), **entry}
        return str(aws("events").put_events(Entries=[fields])["Entries"][0]["EventId"])

    return one


def test_events_of_the_source_are_recorded_and_no_others(fabric: Any, put: Any, records: Records) -> None:
    wanted = put({"n": 1})
    put({"n": 2}, Source="demo.cli.other")
    fabric.run_until_idle()
    assert records() == {wanted: json.dumps({"n": 1})}


def test_every_event_that_the_rule_takes_is_recorded(
    bridge: Any, fabric: Any, aws: Any, records: Records
) -> None:
    drawn = strategies(bridge[0])

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drawn.matching("Rule"), drawn.missing("Rule"))
    def hold(right: Any, wrong: Any) -> None:
        before = set(records())
        (answer,) = aws("events").put_events(**right)["Entries"]
        aws("events").put_events(**wrong)
        fabric.run_until_idle()
        assert set(records()) - before == {answer["EventId"]}

    hold()


def down_until(fabric: Any, name: str, seconds: float) -> None:
    """A queue or topic does not answer for a while."""

    def guard(service: str, operation: str, params: Any, caller: Any) -> None:
        there = str(params.get("TopicArn") or params.get("QueueUrl") or "")
        sending = operation in ("Publish", "SendMessage")
        if sending and there == name and fabric.world.clock.elapsed < seconds:
            raise ServiceError("ServiceUnavailable", "down", status=503)

    fabric.world.guards.append(guard)


def test_an_outage_of_half_a_day_loses_nothing(bridge: Any, fabric: Any, put: Any, records: Records) -> None:
    made, _, target, _ = bridge
    down_until(fabric, made[target].physical_id, DAY / 2)
    wanted = put({"n": 1})
    fabric.advance(DAY / 2 - 1)
    assert records() == {}
    fabric.advance(HOUR)
    fabric.run_until_idle()
    assert set(records()) == {wanted}


def test_after_24_hours_an_event_is_parked_for_14_days(
    bridge: Any, fabric: Any, put: Any, records: Records, look: Any
) -> None:
    made, _, target, _ = bridge
    down_until(fabric, made[target].physical_id, 2 * DAY)
    wanted = put({"n": 1})
    fabric.advance(DAY - 2 * HOUR)
    assert look.waiting(made.queue("UndeliveredEvents")) == 0
    fabric.advance(2 * HOUR)
    assert look.waiting(made.queue("UndeliveredEvents")) == 1
    fabric.advance(13 * DAY)
    (message,) = look.take(made.queue("UndeliveredEvents"))
    assert json.loads(message["Body"])["id"] == wanted
    facts = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert facts["RULE_ARN"] == made["Rule"].arn
    assert int(facts["RETRY_ATTEMPTS"]) <= 185
    assert records() == {}


@pytest.mark.parametrize("point", ["before dynamodb.PutItem", "after dynamodb.PutItem"])
def test_a_crash_at_any_call_still_records_an_event_once(
    point: str, bridge: Any, fabric: Any, faults: Any, put: Any, records: Records, look: Any
) -> None:
    made, function, _, _ = bridge
    ended = faults.crash(point)
    wanted = put({"n": 1})
    fabric.run_until_idle()
    assert ended
    assert records() == {wanted: json.dumps({"n": 1})}
    assert look.runs(made.function(function)) == 2


def test_a_replay_of_what_is_recorded_changes_nothing(
    bridge: Any, fabric: Any, aws: Any, put: Any, records: Records, look: Any
) -> None:
    made, function, _, _ = bridge
    bus = f"arn:aws:events:{fabric.backend.region}:{fabric.backend.account}:event-bus/default"
    archive = aws("events").create_archive(ArchiveName="all", EventSourceArn=bus)["ArchiveArn"]
    wanted = put({"n": 1})
    fabric.run_until_idle()
    began = fabric.world.clock.start_ms / 1000
    aws("events").start_replay(
        ReplayName="again", EventSourceArn=archive, EventStartTime=began - HOUR, EventEndTime=began + HOUR,
        Destination={"Arn": bus, "FilterArns": [made["Rule"].arn]},
    )  # fmt: skip
    fabric.run_until_idle()
    assert aws("events").describe_replay(ReplayName="again")["State"] == "COMPLETED"
    assert look.runs(made.function(function)) == 2
    assert records() == {wanted: json.dumps({"n": 1})}


def test_what_cannot_be_recorded_ends_where_somebody_looks(
    bridge: Any, fabric: Any, faults: Any, put: Any, records: Records, look: Any
) -> None:
    made, _, _, failed = bridge
    faults.refuse("dynamodb.PutItem", "ValidationException", lambda params: True, times=100)
    put({"n": 1})
    fabric.run_until_idle()
    assert records() == {}
    (message,) = look.take(made.queue(failed))
    assert "demo.cli" in message["Body"]


# A topic whose queue is filtered.


@pytest.fixture
def orders(stack: Any) -> Any:
    return stack(f"{FOLDER}/sns-sqs.yaml", config="test", name="orders")


@pytest.fixture
def publish(orders: Any, aws: Any) -> Callable[..., Any]:
    """``publish({"id": 1}, "orders")``: one message with its type."""

    def one(body: Any, kind: str = "") -> Any:
        attributes = {"type": {"DataType": "String", "StringValue": kind}} if kind else {}
        text = body if isinstance(body, str) else json.dumps(body)
        return aws("sns").publish(
            TopicArn=orders.topic("Topic"), Message=text, MessageAttributes=attributes
        )  # fmt: skip

    return one


def test_the_queue_takes_orders_and_payments_as_they_were_sent(
    orders: Any, fabric: Any, publish: Any, look: Any
) -> None:
    for number, kind in enumerate(("orders", "payments", "refunds", "Orders", "")):
        publish({"id": number}, kind)
    fabric.run_until_idle()
    found = {item["id"]: (item["type"], item["body"]) for item in look.items(orders.table("Records"))}
    assert found == {"0": ("orders", '{"id": 0}'), "1": ("payments", '{"id": 1}')}


def test_a_poison_order_does_not_hold_up_the_others(
    orders: Any, fabric: Any, publish: Any, look: Any
) -> None:
    for body in ({"id": 1}, "no json", {"id": 2}):
        publish(body, "orders")
    fabric.run_until_idle()
    assert {item["id"] for item in look.items(orders.table("Records"))} == {"1", "2"}
    (message,) = look.take(orders.queue("FailedOrders"))
    assert (message["Body"], message["Attributes"]["ApproximateReceiveCount"]) == ("no json", "6")


def test_orders_survive_days_without_their_queue(orders: Any, fabric: Any, publish: Any, look: Any) -> None:
    down_until(fabric, orders.queue("Orders"), 3 * DAY)
    publish({"id": 1}, "orders")
    fabric.advance(3 * DAY + 60)
    fabric.run_until_idle()
    assert {item["id"] for item in look.items(orders.table("Records"))} == {"1"}
    assert look.waiting(orders.queue("UndeliveredMessages")) == 0
