"""order-processing: no order is lost or processed twice, the large ones come first."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from stackproof.fabric.choice import Seeded

Orders = Callable[[], dict[str, dict[str, Any]]]


def order(number: int | str, total: Any = 100) -> dict[str, Any]:
    return {"order_id": f"order-{number}", "customer": "Pat", "total": total}


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/order-processing/template.yaml", config="test")


@pytest.fixture
def place(system: Any, aws: Any) -> Callable[..., None]:
    """``place(order(1))``: publish what happened to an order."""

    def publish(body: Any, event: str = "OrderPlaced") -> None:
        aws("sns").publish(
            TopicArn=system.topic("Orders"),
            Message=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={"event": {"DataType": "String", "StringValue": event}},
        )

    return publish


@pytest.fixture
def processed(system: Any, look: Any) -> Orders:
    """``processed()``: the recorded orders by their id."""
    return lambda: {item["order_id"]: item for item in look.items(system.table("ProcessedOrders"))}


@pytest.fixture
def workers(system: Any, stack: Any, aws: Any) -> Any:
    for name, value in (("vpc-id", "vpc-0a1b2c3d"), ("queue-subnet-ids", "subnet-0a1b2c3d,subnet-1a2b3c4d")):
        aws("ssm").put_parameter(Name=f"/network/test/{name}", Value=value, Type="String")
    image = "order-processing/worker@sha256:" + "0" * 64
    aws("ssm").put_parameter(Name="/order-processing/worker-image", Value=image, Type="String")
    return stack("templates/order-processing/workers.yaml", config="test", name="order-workers")


@pytest.fixture
def worker(workers: Any, fabric: Any) -> Callable[..., Any]:
    """``worker()``: start one polling worker as its container would; it has then asked both queues once."""
    (container,) = workers["Task"].properties["ContainerDefinitions"]
    environment = {one["Name"]: one["Value"] for one in container["Environment"]}

    def start(name: str = "worker") -> Any:
        code = "templates/order-processing/workers/order_worker.py"
        process = fabric.process(code, role="WorkerRole", environment=environment, name=name)
        fabric.advance(1.5)
        return process

    return start


@pytest.mark.parametrize(
    ("total", "queue"),
    [
        (5000, "StandardOrders"),
        (5000.0, "StandardOrders"),
        (5000.01, "PriorityOrders"),
        (5001, "PriorityOrders"),
        (1, "StandardOrders"),
        (10**9, "PriorityOrders"),
    ],
)
def test_orders_over_5000_dollars_are_priority(
    total: Any, queue: str, system: Any, fabric: Any, look: Any, place: Any
) -> None:
    place(order(1, total))
    fabric.run_until_idle()
    got = {name: look.take(system.queue(name)) for name in ("StandardOrders", "PriorityOrders")}
    assert [json.loads(message["Body"]) for message in got[queue]] == [order(1, total)]
    assert sum(len(messages) for messages in got.values()) == 1


def test_the_priority_queue_is_empty_before_a_standard_order_is_processed(
    system: Any, fabric: Any, place: Any, processed: Orders, worker: Any
) -> None:
    for number in range(25):
        place(order(f"standard-{number}", 10))
    for number in range(25):
        place(order(f"priority-{number}", 6000))
    fabric.run_until_idle()
    worker()
    fabric.run_until_idle()
    assert len(processed()) == 50
    puts = [
        json.loads(entry.detail) for entry in fabric.journal.entries(verb="dynamodb.PutItem", actor="worker")
    ]
    ways = [next(iter(put["Item"]["order_id"].values())).split("-")[1] for put in puts]
    assert ways == ["priority"] * 25 + ["standard"] * 25


def test_priority_orders_that_come_late_overtake_standard_ones_that_wait(
    system: Any, fabric: Any, faults: Any, place: Any, worker: Any
) -> None:
    for number in range(40):
        place(order(f"standard-{number}", 10))
    fabric.run_until_idle()
    faults.slow("dynamodb", 1)
    worker()
    fabric.advance(5)
    place(order("priority-1", 6000))
    fabric.run_until_idle()
    puts = [
        json.loads(entry.detail) for entry in fabric.journal.entries(verb="dynamodb.PutItem", actor="worker")
    ]
    ids = [next(iter(put["Item"]["order_id"].values())) for put in puts]
    assert len(ids) == 41
    assert ids.index("order-priority-1") <= 20


def test_a_worker_polls_for_five_seconds_and_takes_ten_at_most(
    fabric: Any, place: Any, worker: Any, system: Any
) -> None:
    worker()
    fabric.advance(60)
    polls = [
        json.loads(entry.detail)
        for entry in fabric.journal.entries(verb="sqs.ReceiveMessage", actor="worker")
    ]
    standard = [poll for poll in polls if poll["QueueUrl"] == system.queue("StandardOrders")]
    assert {(poll["WaitTimeSeconds"], poll["MaxNumberOfMessages"]) for poll in standard} == {(5, 10)}
    assert {poll["MaxNumberOfMessages"] for poll in polls} == {10}
    assert 8 <= len(standard) <= 11
    assert all(poll["WaitTimeSeconds"] > 0 for poll in polls)


def test_an_order_is_taken_up_while_the_worker_waits_for_it(
    fabric: Any, place: Any, processed: Orders, worker: Any
) -> None:
    worker()
    fabric.advance(3.5)
    place(order(1))
    fabric.advance(0.1)
    assert set(processed()) == {"order-1"}


@pytest.mark.parametrize("gap", [0, 1, 3600])
def test_an_order_that_is_placed_twice_is_processed_once(
    gap: int, system: Any, fabric: Any, look: Any, place: Any, processed: Orders, worker: Any
) -> None:
    worker()
    place(order(1))
    fabric.advance(gap)
    place(order(1))
    fabric.run_until_idle()
    fabric.advance(600)
    assert processed()["order-1"]["total"] == "100"
    sent = fabric.journal.entries(verb="sqs.SendMessage", actor=system.function("Dispatcher"))
    assert len(sent) == 1
    assert all(look.waiting(system.queue(name)) == 0 for name in ("StandardOrders", "FailedOrders"))


def test_an_order_that_reaches_the_worker_twice_stays_as_it_was_recorded(
    system: Any, fabric: Any, look: Any, processed: Orders, worker: Any
) -> None:
    worker()
    look.send(system.queue("StandardOrders"), [order(1)])
    fabric.run_until_idle()
    before = processed()
    fabric.advance(60)
    look.send(system.queue("StandardOrders"), [order(1, 200)])
    fabric.run_until_idle()
    assert processed() == before
    assert look.waiting(system.queue("StandardOrders")) == 0


def test_the_same_order_with_another_total_is_set_aside(
    system: Any, fabric: Any, look: Any, place: Any
) -> None:
    place(order(1, 100))
    fabric.run_until_idle()
    place(order(1, 9000))
    fabric.run_until_idle()
    (kept,) = look.take(system.queue("FailedOrders"))
    assert json.loads(kept["Body"])["total"] == 9000
    assert look.waiting(system.queue("PriorityOrders")) == 0


POISON = {
    "no JSON": "two of the blue ones",
    "no id": json.dumps({"customer": "Pat", "total": 1}),
    "no total": json.dumps({"order_id": "1", "customer": "Pat"}),
    "a negative total": json.dumps(order(1, -1)),
    "nothing to pay": json.dumps(order(1, 0)),
    "a total in words": json.dumps(order(1, "many")),
    "a total that is none": json.dumps(order(1, float("nan"))),
    "no object": json.dumps([order(1)]),
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON)
def test_what_is_no_order_is_tried_five_times_and_kept_while_the_others_go_on(
    body: str, system: Any, fabric: Any, look: Any
) -> None:
    look.send(system.queue("CustomerOrders"), [order(1), body, order(2)])
    fabric.advance(1)
    assert len(look.take(system.queue("StandardOrders"))) == 2
    fabric.run_until_idle()
    (kept,) = look.take(system.queue("FailedOrders"))
    assert kept["Body"] == body
    runs = fabric.journal.entries(verb="lambda.Run", target=system.function("Dispatcher"))
    assert len(runs) == 5
    assert not look.take(system.queue("StandardOrders"))


def test_an_order_that_no_worker_can_process_is_tried_five_times_and_kept(
    system: Any, fabric: Any, look: Any, processed: Orders, worker: Any
) -> None:
    worker()
    look.send(system.queue("PriorityOrders"), [order(1, 6000), json.dumps({"order_id": "no customer"})])
    fabric.run_until_idle()
    fabric.advance(600)
    (kept,) = look.take(system.queue("UnprocessedOrders"))
    assert json.loads(kept["Body"]) == {"order_id": "no customer"}
    assert int(kept["Attributes"]["ApproximateReceiveCount"]) == 6
    assert set(processed()) == {"order-1"}


def test_a_refused_write_returns_the_order_after_its_visibility_timeout(
    system: Any, fabric: Any, faults: Any, look: Any, processed: Orders, worker: Any
) -> None:
    refused = faults.refuse("dynamodb.PutItem", "InternalServerError", lambda params: True)
    worker()
    look.send(system.queue("StandardOrders"), [order(1)])
    fabric.advance(59)
    assert (len(refused), processed()) == (1, {})
    fabric.advance(7)
    assert set(processed()) == {"order-1"}
    assert look.waiting(system.queue("StandardOrders")) == 0


@pytest.mark.parametrize(
    "point", ["before sqs.SendMessage", "after sqs.SendMessage", "after dynamodb.PutItem"]
)
def test_a_dispatcher_that_dies_loses_no_order_and_the_worker_still_processes_each_once(
    point: str, system: Any, fabric: Any, faults: Any, look: Any, processed: Orders, worker: Any
) -> None:
    died = faults.crash(point, after=3)
    look.send(system.queue("CustomerOrders"), [order(number, 4990 + number) for number in range(20)])
    fabric.run_until_idle()
    assert len(died) == 1
    worker()
    fabric.run_until_idle()
    assert set(processed()) == {f"order-{number}" for number in range(20)}
    assert len(fabric.journal.entries(verb="dynamodb.PutItem", actor="worker")) in (20, 21)
    assert look.waiting(system.queue("FailedOrders")) == look.waiting(system.queue("UnprocessedOrders")) == 0


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", ["dynamodb.PutItem", "sqs.DeleteMessage"])
def test_a_worker_that_dies_leaves_its_orders_to_the_next_one(
    side: str, call: str, system: Any, fabric: Any, faults: Any, look: Any, processed: Orders, worker: Any
) -> None:
    died = faults.crash(f"{side} {call}", after=4)
    look.send(system.queue("StandardOrders"), [order(number) for number in range(20)])
    worker("first")
    fabric.run_until_idle()
    assert died == ["first"]
    worker("second")
    fabric.run_until_idle()
    fabric.advance(120)
    assert set(processed()) == {f"order-{number}" for number in range(20)}
    assert (
        look.waiting(system.queue("StandardOrders")) == look.waiting(system.queue("UnprocessedOrders")) == 0
    )


SCHEDULES = [
    pytest.param(seed, marks=pytest.mark.fabric(chooser=Seeded(seed)), id=f"schedule {seed}")
    for seed in range(5)
]


@pytest.mark.parametrize("seed", SCHEDULES)
def test_two_workers_process_each_order_once_under_every_schedule(
    seed: int, system: Any, fabric: Any, place: Any, processed: Orders, worker: Any, look: Any
) -> None:
    worker("first")
    worker("second")
    for number in range(12):
        place(order(number, 4995 + number))
        place(order(number, 4995 + number))
    fabric.run_until_idle()
    fabric.advance(120)
    assert {name: item["total"] for name, item in processed().items()} == {
        f"order-{number}": str(4995 + number) for number in range(12)
    }
    names = ("CustomerOrders", "PriorityOrders", "StandardOrders", "FailedOrders", "UnprocessedOrders")
    assert all(look.waiting(system.queue(name)) == 0 for name in names)


@pytest.mark.parametrize(
    ("event", "live", "development", "marketing"),
    [
        ("OrderPlaced", 1, 1, 1),
        ("OrderTrial", 0, 1, 0),
        ("OrderCancelled", 0, 0, 1),
    ],
)
def test_each_consumer_gets_what_it_asked_for(
    event: str, live: int, development: int, marketing: int, system: Any, fabric: Any, look: Any, place: Any
) -> None:
    place(order(1), event)
    fabric.run_until_idle()
    assert look.runs(system.function("Dispatcher")) == live
    assert len(look.take(system.queue("DevelopmentOrders"))) == development
    objects = look.objects(system.bucket("Warehouse"))
    assert [json.loads(body, parse_float=Decimal) for body in objects.values()] == [
        {**order(1), "event": event}
    ][:marketing]


def test_marketing_writes_an_order_that_comes_twice_once(
    system: Any, fabric: Any, look: Any, place: Any
) -> None:
    place(order(1))
    place(order(1))
    place(order(1), "OrderCancelled")
    fabric.run_until_idle()
    assert set(look.objects(system.bucket("Warehouse"))) == {
        "orders/order-1/OrderPlaced.json",
        "orders/order-1/OrderCancelled.json",
    }


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_marketing_function_that_dies_holds_up_nobody_and_tries_again(
    side: str, system: Any, fabric: Any, faults: Any, look: Any, place: Any
) -> None:
    died = faults.crash(f"{side} s3.PutObject")
    place(order(1))
    fabric.run_until_idle()
    assert len(died) == 1
    assert len(look.objects(system.bucket("Warehouse"))) == 1
    assert len(look.take(system.queue("StandardOrders"))) == 1


def test_what_marketing_cannot_keep_waits_in_the_dead_letter_queue(
    system: Any, fabric: Any, look: Any, place: Any
) -> None:
    place("no order", "OrderCancelled")
    fabric.run_until_idle()
    (kept,) = look.take(system.queue("UndeliveredOrders"))
    assert json.loads(kept["Body"])["Records"][0]["Sns"]["Message"] == "no order"


def test_workers_are_added_at_three_waiting_orders_and_removed_at_one(system: Any, workers: Any) -> None:
    queue = system.queue("StandardOrders").rsplit("/", 1)[-1]
    alarms = {name: workers[name].properties for name in ("Backlog", "NoBacklog")}
    for alarm in alarms.values():
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": queue}]
        assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Average", 300, 2)
    assert (alarms["Backlog"]["ComparisonOperator"], alarms["Backlog"]["Threshold"]) == (
        "GreaterThanOrEqualToThreshold",
        3,
    )
    assert (alarms["NoBacklog"]["ComparisonOperator"], alarms["NoBacklog"]["Threshold"]) == (
        "LessThanOrEqualToThreshold",
        1,
    )
    steps = {}
    for name, alarm in alarms.items():
        (action,) = alarm["AlarmActions"]
        (policy,) = [one for one in workers.resources.values() if one.physical_id == action]
        (step,) = policy.properties["StepScalingPolicyConfiguration"]["StepAdjustments"]
        steps[name] = step["ScalingAdjustment"]
    assert steps == {"Backlog": 1, "NoBacklog": -1}


def test_the_container_gets_the_queues_and_the_table(system: Any, workers: Any) -> None:
    (container,) = workers["Task"].properties["ContainerDefinitions"]
    environment = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert environment["PRIORITY_QUEUE_URL"] == system.queue("PriorityOrders")
    assert environment["STANDARD_QUEUE_URL"] == system.queue("StandardOrders")
    assert environment["TABLE_NAME"] == system.table("ProcessedOrders")


def test_a_worker_calls_as_its_own_role(system: Any, workers: Any, fabric: Any, worker: Any) -> None:
    callers = []
    fabric.world.guards.append(lambda service, operation, params, caller: callers.append(caller))
    process = worker()
    role = workers["WorkerRole"].attributes["Arn"].rpartition("/")[2]
    arns = {caller.arn for caller in callers if caller.actor == "worker"}
    assert arns == {f"arn:aws:sts::{fabric.world.account}:assumed-role/{role}/worker"}
    assert process.running


def test_a_stopped_worker_finishes_its_batch(
    system: Any, fabric: Any, faults: Any, look: Any, processed: Orders, worker: Any
) -> None:
    faults.slow("dynamodb", 5)
    process = worker()
    look.send(system.queue("StandardOrders"), [order(number) for number in range(10)])
    fabric.advance(20)
    assert 0 < len(processed()) < 10
    process.terminate()
    fabric.advance(120)
    assert not process.running
    assert len(processed()) == 10
    assert look.waiting(system.queue("StandardOrders")) == 0


def test_a_world_with_a_resting_worker_is_taken_back(
    system: Any, fabric: Any, place: Any, processed: Orders, worker: Any
) -> None:
    worker()
    fabric.run_until_idle()
    start = fabric.snapshot()
    journals = []
    for _ in range(2):
        fabric.restore(start)
        assert processed() == {}
        place(order(1, 6000))
        fabric.run_until_idle()
        assert set(processed()) == {"order-1"}
        journals.append(fabric.timeline())
    assert journals[0] == journals[1]


@pytest.fixture
def running(workers: Any, aws: Any) -> Callable[[], int]:
    """``running()``: how many workers the service should have."""

    def count() -> int:
        cluster, name = workers["Cluster"].physical_id, workers["Workers"].attributes["Name"]
        (service,) = aws("ecs").describe_services(cluster=cluster, services=[name])["services"]
        return int(service["desiredCount"])

    return count


@pytest.mark.parametrize(("waiting", "workers_then"), [(2, 1), (3, 2)])
def test_three_orders_that_wait_ten_minutes_start_a_worker_and_two_do_not(
    waiting: int, workers_then: int, system: Any, fabric: Any, look: Any, running: Any
) -> None:
    fabric.advance(1200)
    look.send(system.queue("StandardOrders"), [order(number) for number in range(waiting)])
    fabric.advance(599)
    assert running() == 1
    fabric.advance(1)
    assert running() == workers_then
    fabric.advance(3600)
    assert running() == workers_then, "there are two workers at most"


@pytest.mark.parametrize(("left", "workers_then"), [(1, 1), (2, 2)])
def test_a_worker_is_stopped_when_one_order_or_none_has_waited_for_ten_minutes(
    left: int, workers_then: int, system: Any, fabric: Any, look: Any, running: Any
) -> None:
    fabric.advance(1200)
    look.send(system.queue("StandardOrders"), [order(number) for number in range(5)])
    fabric.advance(1200)
    assert running() == 2
    look.take(system.queue("StandardOrders"))
    look.send(system.queue("StandardOrders"), [order(number) for number in range(left)])
    fabric.advance(540)
    assert running() == 2
    fabric.advance(60)
    assert running() == workers_then


def test_an_order_that_cannot_be_dispatched_is_heard_of_within_five_minutes(
    system: Any, fabric: Any, look: Any, aws: Any
) -> None:
    def state(name: str) -> str:
        found = aws("cloudwatch").describe_alarms(AlarmNames=[system[name].physical_id])
        return str(found["MetricAlarms"][0]["StateValue"])

    failed = system.queue("FailedOrders").rsplit("/", 1)[-1]
    alarms = [name for name, one in system.resources.items() if one.type == "AWS::CloudWatch::Alarm"]
    (dispatch,) = [name for name in alarms if system[name].properties["Dimensions"][0]["Value"] == failed]
    fabric.advance(60)
    assert {state(name) for name in alarms} == {"OK"}
    look.send(system.queue("CustomerOrders"), ["two of the blue ones"])
    fabric.run_until_idle()
    fabric.advance(60)
    assert {name: state(name) for name in alarms if state(name) == "ALARM"} == {dispatch: "ALARM"}
    look.take(system.queue("FailedOrders"))
    fabric.advance(360)
    assert state(dispatch) == "OK"


def test_a_worker_that_is_lost_at_any_of_its_calls_loses_no_order(
    system: Any, fabric: Any, look: Any, processed: Orders, worker: Any
) -> None:
    worker("first")
    fabric.run_until_idle()
    look.send(system.queue("StandardOrders"), [order(1), order(2)])
    course = fabric.record()
    points = [point for point in course.points if point.task == "first"]
    calls = {point.label.partition(" ")[2] for point in points}
    assert calls == {"sqs.ReceiveMessage", "dynamodb.PutItem", "sqs.DeleteMessage"}
    for point in points:
        fabric.stand(course, point).kill()
        worker("second")
        fabric.run_until_idle()
        fabric.advance(120)
        assert set(processed()) == {"order-1", "order-2"}, point
        assert look.waiting(system.queue("StandardOrders")) == 0, point
