"""job-events: what happens to a job reaches every service that cares, in order and once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from stackproof.fabric.choice import Seeded

MINUTES = 60
Publish = Callable[..., None]


@pytest.fixture
def system(stack: Any, aws: Any) -> Any:
    """The stack with its schedule at rest: ``run_publisher`` lets it fire."""
    made = stack("templates/job-events", config="test")
    aws("events").disable_rule(Name=made["PublisherEveryMinute"].physical_id)
    return made


@pytest.fixture
def publish(system: Any, aws: Any) -> Publish:
    """``publish("7", "JobCreated", "id")``: one event to the topic."""

    def send(job: str, what: str, event_id: str = "", body: str = "") -> None:
        event = {"event_id": event_id, "job_id": job, "event_type": what, "at": "2021-03-10T12:00:00Z"}
        aws("sns").publish(
            TopicArn=system.topic("JobEvents"),
            Message=body or json.dumps(event),
            MessageAttributes={"eventType": {"DataType": "String", "StringValue": what}},
            MessageGroupId=job,
            MessageDeduplicationId=event_id or f"{job}-{what}",
        )

    return send


@pytest.fixture
def history(system: Any, look: Any) -> Callable[[str], list[str]]:
    """``history("7")``: the ids of a job's events as analytics has them, in the order of their keys."""

    def read(job: str) -> list[str]:
        objects = look.objects(system.bucket("AnalyticsBucket"))
        return [json.loads(objects[key])["event_id"] for key in sorted(objects) if f"/{job}/" in key]

    return read


@pytest.fixture
def jobs(system: Any, look: Any) -> Callable[[], set[str]]:
    """``jobs()``: the jobs that the inventory holds."""
    return lambda: {item["job_id"] for item in look.items(system.table("Jobs"))}


@pytest.fixture
def in_one_batch(system: Any, fabric: Any, aws: Any) -> Callable[[], AbstractContextManager[None]]:
    """``with in_one_batch():`` what is published waits until the end, and is then handed over together."""

    def switch(enabled: bool) -> None:
        for mapping in aws("lambda").list_event_source_mappings()["EventSourceMappings"]:
            aws("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        fabric.advance(1)

    @contextmanager
    def together() -> Iterator[None]:
        switch(False)
        yield
        fabric.advance(1)
        switch(True)

    return together


def run_publisher(system: Any, fabric: Any, aws: Any, runs: int = 1) -> None:
    """Let the schedule fire, once a minute."""
    rule = system["PublisherEveryMinute"].physical_id
    aws("events").enable_rule(Name=rule)
    fabric.advance(60 * runs)
    aws("events").disable_rule(Name=rule)


def test_every_event_reaches_analytics_and_only_two_kinds_the_inventory(
    system: Any, fabric: Any, look: Any, publish: Publish, history: Any, jobs: Any
) -> None:
    publish("7", "JobCreated", "a")
    fabric.run_until_idle()
    assert jobs() == {"7"}
    publish("7", "JobSalaryUpdated", "b")
    fabric.run_until_idle()
    assert history("7") == ["a", "b"]
    assert jobs() == {"7"}
    assert look.runs(system.function("Analytics")) == 2
    assert look.runs(system.function("Inventory")) == 1
    publish("7", "JobDeleted", "c")
    fabric.run_until_idle()
    assert history("7") == ["a", "b", "c"]
    assert jobs() == set()


SCHEDULES = [
    pytest.param(seed, marks=pytest.mark.fabric(chooser=Seeded(seed)), id=f"schedule {seed}")
    for seed in range(5)
]


@pytest.mark.parametrize("seed", SCHEDULES)
def test_each_job_keeps_its_order_under_every_schedule(
    seed: int, system: Any, fabric: Any, publish: Publish, history: Any, jobs: Any
) -> None:
    steps = 6
    for step in range(steps):
        for job in "123":
            what = ("JobCreated", "JobSalaryUpdated", "JobDeleted")[step % 3]
            publish(job, what, f"{job}-{step}")
    fabric.run_until_idle()
    for job in "123":
        assert history(job) == [f"{job}-{step}" for step in range(steps)]
    assert jobs() == set()


def test_an_event_that_is_published_again_within_five_minutes_is_dropped(
    fabric: Any, publish: Publish, history: Any
) -> None:
    publish("7", "JobCreated", "a")
    fabric.run_until_idle()
    fabric.advance(5 * MINUTES - 1)
    publish("7", "JobCreated", "a")
    fabric.run_until_idle()
    assert history("7") == ["a"]
    fabric.advance(2)
    publish("7", "JobCreated", "a")
    fabric.run_until_idle()
    assert history("7") == ["a", "a"]


def test_two_events_with_one_text_are_two_events(fabric: Any, publish: Publish, history: Any) -> None:
    body = json.dumps({"event_id": "same", "job_id": "7", "event_type": "JobCreated", "at": "now"})
    publish("7", "JobCreated", "a", body)
    publish("7", "JobCreated", "b", body)
    fabric.run_until_idle()
    assert history("7") == ["same", "same"]


def test_a_run_publishes_the_life_of_one_job(
    system: Any, fabric: Any, aws: Any, look: Any, jobs: Any
) -> None:
    run_publisher(system, fabric, aws)
    fabric.run_until_idle()
    objects = look.objects(system.bucket("AnalyticsBucket"))
    events = [json.loads(objects[key]) for key in sorted(objects)]
    assert [event["event_type"] for event in events] == ["JobCreated", "JobSalaryUpdated", "JobDeleted"]
    (job,) = {event["job_id"] for event in events}
    assert 0 <= int(job) < 1000
    published = [json.loads(entry.detail) for entry in fabric.journal.entries(verb="sns.Publish")]
    assert {params["MessageGroupId"] for params in published} == {job}
    assert jobs() == set()


def test_runs_are_about_different_jobs(system: Any, fabric: Any, aws: Any, look: Any) -> None:
    run_publisher(system, fabric, aws, runs=5)
    fabric.run_until_idle()
    keys = look.objects(system.bucket("AnalyticsBucket"))
    assert len(keys) == 15
    assert len({key.split("/")[1] for key in keys}) == 5


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_run_that_dies_and_is_tried_again_publishes_nothing_twice(
    side: str, published: int, system: Any, fabric: Any, aws: Any, faults: Any, look: Any
) -> None:
    died = faults.crash(f"{side} sns.Publish", after=published)
    run_publisher(system, fabric, aws)
    fabric.run_until_idle()
    assert len(died) == 1
    assert look.runs(system.function("Publisher")) == 2
    keys = sorted(look.objects(system.bucket("AnalyticsBucket")))
    assert [key.rsplit("-", 1)[-1] for key in keys] == [
        "JobCreated.json",
        "JobSalaryUpdated.json",
        "JobDeleted.json",
    ]


def test_a_run_that_fails_three_times_is_kept(
    system: Any, fabric: Any, aws: Any, faults: Any, look: Any
) -> None:
    faults.refuse("sns.Publish", "InternalError", lambda params: True, times=3)
    run_publisher(system, fabric, aws)
    fabric.run_until_idle()
    (kept,) = look.take(system.queue("FailedRuns"))
    event = json.loads(kept["Body"])
    assert (event["detail-type"], event["resources"]) == (
        "Scheduled Event", [system["PublisherEveryMinute"].arn],
    )  # fmt: skip


@pytest.mark.parametrize("service", ["Analytics", "Inventory"])
def test_a_poison_event_is_tried_three_times_holds_back_its_job_alone_and_is_kept(
    service: str, system: Any, fabric: Any, look: Any, publish: Publish, history: Any, jobs: Any
) -> None:
    publish("1", "JobCreated", "poison", body="no event at all")
    publish("1", "JobCreated", "1-after")
    publish("2", "JobCreated", "2")
    fabric.advance(1)
    assert history("2") == ["2"]
    assert history("1") == []
    assert jobs() == {"2"}
    fabric.run_until_idle()
    assert history("1") == ["1-after"]
    assert jobs() == {"1", "2"}
    (kept,) = look.take(system.queue(f"{service}FailedEvents"))
    assert kept["Body"] == "no event at all"
    deliveries = [
        entry
        for entry in fabric.journal.entries(verb="lambda.Run", target=system.function(service))
        if "no event at all" in entry.detail
    ]
    assert len(deliveries) == 3


@pytest.mark.parametrize("service", ["Analytics", "Inventory"])
def test_what_stands_behind_a_poison_event_in_its_batch_is_kept_behind_it(
    service: str,
    system: Any,
    fabric: Any,
    look: Any,
    publish: Publish,
    in_one_batch: Any,
    history: Any,
    jobs: Any,
) -> None:
    with in_one_batch():
        publish("1", "JobCreated", "poison", body="no event at all")
        publish("1", "JobCreated", "1-after")
        publish("2", "JobCreated", "2")
    assert (history("1"), history("2"), jobs()) == ([], ["2"], {"2"})
    fabric.run_until_idle()
    assert (history("1"), history("2"), jobs()) == ([], ["2"], {"2"})
    poison, behind = look.take(system.queue(f"{service}FailedEvents"))
    assert poison["Body"] == "no event at all"
    assert json.loads(behind["Body"])["event_id"] == "1-after"
    publish("1", "JobCreated", "1-later")
    fabric.run_until_idle()
    assert (history("1"), jobs()) == (["1-later"], {"1", "2"})


def test_a_refused_write_stops_its_job_and_no_other(
    system: Any,
    fabric: Any,
    faults: Any,
    publish: Publish,
    in_one_batch: Any,
    history: Any,
    look: Any,
) -> None:
    refused = faults.refuse("s3.PutObject", "SlowDown", lambda params: "/1/" in params["Key"])
    with in_one_batch():
        for step in range(3):
            publish("1", "JobSalaryUpdated", f"1-{step}")
            publish("2", "JobSalaryUpdated", f"2-{step}")
    assert len(refused) == 1
    assert history("1") == []
    assert history("2") == ["2-0", "2-1", "2-2"]
    fabric.run_until_idle()
    assert history("1") == ["1-0", "1-1", "1-2"]
    assert look.waiting(system.queue("AnalyticsFailedEvents")) == 0


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", ["s3.PutObject", "dynamodb.PutItem", "dynamodb.DeleteItem"])
def test_a_function_that_dies_in_the_middle_of_a_batch_loses_nothing_and_keeps_the_order(
    side: str,
    call: str,
    fabric: Any,
    faults: Any,
    publish: Publish,
    in_one_batch: Any,
    history: Any,
    jobs: Any,
) -> None:
    died = faults.crash(f"{side} {call}", after=1)
    with in_one_batch():
        for what in ("JobCreated", "JobSalaryUpdated", "JobDeleted"):
            for job in "12":
                publish(job, what, f"{job}-{what}")
        publish("3", "JobCreated", "3")
    fabric.run_until_idle()
    assert len(died) == 1
    for job in "12":
        assert history(job) == [f"{job}-JobCreated", f"{job}-JobSalaryUpdated", f"{job}-JobDeleted"]
    assert jobs() == {"3"}


def test_what_the_topic_cannot_deliver_is_kept_in_order(
    system: Any, fabric: Any, aws: Any, look: Any, publish: Publish, history: Any
) -> None:
    aws("sqs").delete_queue(QueueUrl=system.queue("InventoryJobEvents"))
    publish("7", "JobCreated", "a")
    publish("7", "JobSalaryUpdated", "b")
    publish("7", "JobDeleted", "c")
    fabric.run_until_idle()
    kept = look.take(system.queue("InventoryUndeliveredEvents"))
    assert [json.loads(message["Body"])["event_id"] for message in kept] == ["a", "c"]
    assert history("7") == ["a", "b", "c"]


def test_the_queues_are_wired_as_the_post_says(system: Any, aws: Any) -> None:
    topic = aws("sns").get_topic_attributes(TopicArn=system.topic("JobEvents"))["Attributes"]
    assert topic["FifoTopic"] == "true"
    assert topic["ContentBasedDeduplication"] == "false"
    for service in ("Analytics", "Inventory"):
        url = system.queue(f"{service}JobEvents")
        queue = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert queue["FifoQueue"] == "true"
        redrive = json.loads(queue["RedrivePolicy"])
        assert int(redrive["maxReceiveCount"]) == 3
        assert redrive["deadLetterTargetArn"].endswith(".fifo")
        mappings = aws("lambda").list_event_source_mappings(FunctionName=system.function(service))
        (mapping,) = mappings["EventSourceMappings"]
        assert mapping["BatchSize"] == 10
    subscriptions = aws("sns").list_subscriptions_by_topic(TopicArn=system.topic("JobEvents"))
    for subscription in subscriptions["Subscriptions"]:
        settings = aws("sns").get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])
        assert settings["Attributes"]["RawMessageDelivery"] == "true"
        assert json.loads(settings["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"].endswith(".fifo")


def test_the_publisher_runs_every_minute(system: Any) -> None:
    (rule,) = [one for one in system.resources.values() if one.type == "AWS::Events::Rule"]
    assert rule.properties["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule.properties["Targets"]
    assert target["Arn"] == system["Publisher"].arn
