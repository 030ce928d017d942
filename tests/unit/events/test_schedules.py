"""Rules with a schedule and schedules of Scheduler, on the virtual clock."""

from __future__ import annotations

import datetime
import json

import pytest

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.errors import CapabilityMissing
from stackproof.fabric.choice import Listed, Seeded
from stackproof.fabric.service import ServiceError

ROLE = "arn:aws:iam::123456789012:role/scheduler"


def test_a_rate_rule_fires_once_a_step_and_never_keeps_the_world_busy(estate):
    queue = estate.queue("ticks")
    arn = estate.rule("ticks", queue, ScheduleExpression="rate(1 minute)")
    assert estate.world.run_until_idle().seconds == 0
    estate.world.advance(150)
    events = estate.bodies(queue)
    assert [event["time"] for event in events] == ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]
    assert events[0]["resources"] == [arn]
    assert (events[0]["source"], events[0]["detail-type"]) == ("aws.events", "Scheduled Event")
    estate.events.disable_rule(Name="ticks")
    estate.world.advance(600)
    assert estate.texts(queue) == []
    estate.events.enable_rule(Name="ticks")
    estate.world.advance(59)
    assert estate.texts(queue) == []
    estate.world.advance(1)
    assert len(estate.texts(queue)) == 1


def test_a_cron_rule_fires_in_utc_in_order_with_others(estate):
    queue = estate.queue("ticks")
    target = {"Arn": queue, "Input": '"early"'}
    estate.rule("late", {**target, "Input": '"late"'}, ScheduleExpression="cron(30 8 * * ? *)")
    estate.rule("early", target, ScheduleExpression="cron(0 8 * * ? *)")
    estate.world.advance(86_400 * 2)
    assert estate.bodies(queue) == ["early", "late"] * 2


def schedule(estate, queue, **params):
    target = {"Arn": queue, "RoleArn": ROLE, **params.pop("target", {})}
    client = estate.aws("scheduler")
    window = params.pop("window", {"Mode": "OFF"})
    name = params.pop("name", "s")
    return client.create_schedule(Name=name, FlexibleTimeWindow=window, Target=target, **params)[
        "ScheduleArn"
    ]


def test_a_rate_begins_at_once_and_an_input_has_its_context(estate):
    queue = estate.queue("ticks")
    text = '{"at": "<aws.scheduler.scheduled-time>", "n": "<aws.scheduler.attempt-number>"}'
    arn = schedule(estate, queue, ScheduleExpression="rate(10 minutes)", target={"Input": text})
    assert arn == "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"
    estate.world.advance(600)
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"]
    assert estate.bodies(queue) == [{"at": time, "n": "1"} for time in times]
    (entry,) = estate.world.journal.entries(verb="sqs.SendMessage")[:1]
    assert entry.actor == "s"


def test_a_schedule_without_an_input_sends_a_notice(estate):
    queue = estate.queue("ticks")
    arn = schedule(estate, queue, ScheduleExpression="at(2026-01-01T00:00:30)")
    estate.world.advance(60)
    (notice,) = estate.bodies(queue)
    assert (notice["source"], notice["resources"], notice["detail"]) == ("aws.scheduler", [arn], "{}")
    assert notice["time"] == "2026-01-01T00:00:30Z"


def test_a_zone_and_dates_bound_a_schedule(estate):
    queue = estate.queue("ticks")
    schedule(
        estate, queue, ScheduleExpression="cron(0 9 * * ? *)", ScheduleExpressionTimezone="America/New_York",
        StartDate=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        EndDate=datetime.datetime(2026, 1, 3, 23, tzinfo=datetime.UTC),
    )  # fmt: skip
    estate.world.advance(86_400 * 5)
    times = [notice["time"] for notice in estate.bodies(queue)]
    assert times == ["2026-01-02T14:00:00Z", "2026-01-03T14:00:00Z"]


def test_a_schedule_deletes_itself_after_its_last_invocation(estate, refused):
    queue = estate.queue("ticks")
    for name, action in (("kept", "NONE"), ("gone", "DELETE")):
        schedule(
            estate, queue, name=name, ScheduleExpression="at(2026-01-01T01:00:00)",
            ActionAfterCompletion=action,
        )  # fmt: skip
    estate.world.advance(3600)
    client = estate.aws("scheduler")
    assert client.get_schedule(Name="kept")["State"] == "ENABLED"
    assert refused(client.get_schedule, Name="gone")[0] == "ResourceNotFoundException"
    assert len(estate.texts(queue)) == 2


def test_a_schedule_that_recurs_runs_to_its_end_before_it_deletes_itself(estate):
    queue = estate.queue("ticks")
    schedule(
        estate, queue, ScheduleExpression="rate(1 hour)", ActionAfterCompletion="DELETE",
        EndDate=datetime.datetime(2026, 1, 1, 2, 30, tzinfo=datetime.UTC),
    )  # fmt: skip
    client = estate.aws("scheduler")
    estate.world.advance(7199)
    assert len(client.list_schedules()["Schedules"]) == 1
    estate.world.advance(1)
    assert client.list_schedules()["Schedules"] == []
    estate.world.advance(7200)
    assert len(estate.texts(queue)) == 3


@pytest.mark.parametrize(("choice", "when"), [(0, 0), (1, 450), (2, 899)])
def test_a_flexible_window_lets_an_invocation_be_late(estate, choice, when):
    queue = estate.queue("ticks")
    estate.world.scheduler.chooser = Listed([choice])
    schedule(
        estate, queue, ScheduleExpression="at(2026-01-01T01:00:00)",
        window={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
    )  # fmt: skip
    estate.world.advance(3600 + 900)
    (sent,) = estate.world.journal.entries(verb="sqs.SendMessage")
    assert (sent.ms - estate.world.clock.start_ms) / 1000 == 3600 + when


def test_what_fails_is_tried_again_and_then_buried(estate):
    queue, dead = estate.queue("ticks"), estate.queue("dead")
    tries = []

    def down(service, operation, params, caller):
        if operation == "SendMessage" and params["QueueUrl"].endswith("/ticks"):
            tries.append(caller.arn)
            raise ServiceError("ServiceUnavailable", "down", status=503)

    estate.world.guards.append(down)
    target = {"DeadLetterConfig": {"Arn": dead}, "RetryPolicy": {"MaximumRetryAttempts": 2}, "Input": "x"}
    arn = schedule(estate, queue, ScheduleExpression="at(2026-01-01T01:00:00)", target=target)
    estate.world.advance(3600)
    (message,) = estate.messages(dead)
    assert tries == ["arn:aws:sts::123456789012:assumed-role/scheduler/s"] * 3
    shown = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (shown["SCHEDULE_ARN"], shown["ERROR_CODE"]) == (arn, "ServiceUnavailable")
    assert (shown["EXHAUSTED_RETRY_CONDITION"], shown["RETRY_ATTEMPTS"]) == ("MaximumRetryAttempts", "2")
    assert message["Body"] == "x"


def test_a_universal_target_calls_any_api(estate):
    queue = estate.queue("ticks")
    url = estate.sqs.get_queue_url(QueueName="ticks")["QueueUrl"]
    arn = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    text = json.dumps({"QueueUrl": url, "MessageBody": "hello"})
    schedule(estate, arn, ScheduleExpression="at(2026-01-01T01:00:00)", target={"Input": text})
    table = {"TableName": "t", "BillingMode": "PAY_PER_REQUEST",
             "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}  # fmt: skip
    estate.aws("dynamodb").create_table(**table)
    item = json.dumps({"TableName": "t", "Item": {"id": {"S": "1"}}})
    schedule(
        estate, "arn:aws:scheduler:::aws-sdk:dynamodb:putItem", name="item",
        ScheduleExpression="at(2026-01-01T01:00:00)", target={"Input": item},
    )  # fmt: skip
    estate.world.advance(3600)
    assert estate.texts(queue) == ["hello"]
    assert estate.aws("dynamodb").scan(TableName="t")["Count"] == 1


def test_a_bus_and_a_stream_are_targets(estate):
    queue = estate.queue("events")
    estate.rule("r", queue, EventPattern={"source": ["clock"]})
    schedule(
        estate, "arn:aws:events:us-east-1:123456789012:event-bus/default",
        ScheduleExpression="at(2026-01-01T01:00:00)",
        target={"Input": '{"a": 1}', "EventBridgeParameters": {"DetailType": "tick", "Source": "clock"}},
    )  # fmt: skip
    estate.world.advance(3600)
    (event,) = estate.bodies(queue)
    assert (event["detail-type"], event["detail"]) == ("tick", {"a": 1})


def test_a_target_that_nobody_emulates_is_loud(estate):
    schedule(estate, "arn:aws:ecs:us-east-1:123456789012:cluster/c", ScheduleExpression="rate(1 hour)")
    with pytest.raises(CapabilityMissing, match="ecs"):
        estate.world.advance(1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ScheduleExpression": "rate(1 week)"}, "Invalid Schedule Expression rate(1 week)."),
        ({"ScheduleExpressionTimezone": "Europe/Atlantis"}, "ScheduleExpressionTimezone"),
        ({"window": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage"}}, "is not a supported target"),
        ({"target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:a.fifo"}}, "MessageGroupId"),
        ({"EndDate": datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)}, "EndDate"),
    ],
)  # fmt: skip
def test_what_scheduler_refuses(estate, refused, changes, message):
    params = {"ScheduleExpression": "rate(1 hour)", **changes}
    code, text = refused(schedule, estate=estate, queue=estate.queue("q"), **params)
    assert code == "ValidationException"
    assert message in text


def test_groups_hold_schedules_and_take_them_along(estate, refused):
    client = estate.aws("scheduler")
    client.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "1"}])
    queue = estate.queue("ticks")
    arn = schedule(estate, queue, GroupName="g", ScheduleExpression="rate(1 hour)", State="DISABLED")
    assert arn.endswith(":schedule/g/s")
    assert [one["Name"] for one in client.list_schedule_groups()["ScheduleGroups"]] == ["default", "g"]
    assert client.list_schedules(GroupName="g", State="ENABLED")["Schedules"] == []
    client.update_schedule(
        Name="s", GroupName="g", ScheduleExpression="rate(2 hours)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue, "RoleArn": ROLE},
    )  # fmt: skip
    (shown,) = client.list_schedules(GroupName="g")["Schedules"]
    assert (shown["Arn"], shown["State"]) == (arn, "ENABLED")
    assert refused(client.create_schedule_group, Name="g")[0] == "ConflictException"
    assert refused(client.get_schedule, Name="s")[0] == "ResourceNotFoundException"
    group = client.get_schedule_group(Name="g")["Arn"]
    assert client.list_tags_for_resource(ResourceArn=group)["Tags"] == [{"Key": "a", "Value": "1"}]
    client.delete_schedule_group(Name="g")
    assert client.list_schedules()["Schedules"] == []
    estate.world.advance(86_400)
    assert estate.texts(queue) == []


def test_a_world_taken_back_keeps_its_schedules(estate):
    queue = estate.queue("ticks")
    schedule(estate, queue, ScheduleExpression="rate(1 hour)")
    estate.rule("r", queue, ScheduleExpression="rate(1 hour)")
    estate.world.advance(1800)
    estate.texts(queue)
    saved = estate.world.snapshot()
    estate.aws("scheduler").delete_schedule(Name="s")
    estate.world.advance(7200)
    estate.world.restore(saved)
    estate.texts(queue)
    estate.world.advance(3600)
    assert len(estate.texts(queue)) == 2


def test_the_same_world_writes_the_same_journal(estate):
    kind = type(estate)

    def timeline():
        with EmbeddedBackend(seed=1, chooser=Seeded(4)) as backend:
            estate = kind(backend)
            queue, other = estate.queue("a"), estate.queue("b")
            estate.rule("r", queue, other)
            window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 3}
            schedule(estate, queue, ScheduleExpression="rate(5 minutes)", window=window)
            for number in range(3):
                estate.put({"n": number})
            backend.world.advance(1200)
            return backend.world.journal.timeline()

    assert timeline() == timeline()
