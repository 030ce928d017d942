"""Worlds keep to themselves, can be taken back, and journal what happened."""

from __future__ import annotations

import socket

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.errors import StackproofError, UsageError
from stackproof.fabric.clock import Clock
from stackproof.fabric.meters import Meters
from stackproof.fabric.service import ServiceError


def table(client) -> None:
    client.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def test_a_snapshot_brings_back_queues_topics_tables_clock_and_journal(backend, world) -> None:
    sqs, dynamodb, sns = (backend.client(name) for name in ("sqs", "dynamodb", "sns"))
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    table(dynamodb)
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    dynamodb.put_item(TableName="t", Item={"k": {"S": "kept"}})
    state, before = world.snapshot(), world.journal.timeline()
    for _ in range(2):
        message = sqs.receive_message(QueueUrl=url)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        dynamodb.put_item(TableName="t", Item={"k": {"S": "new"}})
        sns.create_topic(Name="new")
        world.advance(100)
        world.restore(state)
        assert message["Body"] == "kept"
        assert world.journal.timeline() == before
        assert world.clock.elapsed == 0
        assert dynamodb.scan(TableName="t")["Items"] == [{"k": {"S": "kept"}}]
        assert sns.list_topics()["Topics"] == []
        world.restore(state)


def test_after_a_restore_the_same_things_get_the_same_ids(backend, world) -> None:
    sqs = backend.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    state = world.snapshot()
    first = sqs.send_message(QueueUrl=url, MessageBody="m")
    world.restore(state)
    assert sqs.send_message(QueueUrl=url, MessageBody="m") == first


def test_no_snapshot_while_a_task_is_open(world, start) -> None:
    start(lambda: None)
    with pytest.raises(UsageError, match="task"):
        world.snapshot()


def test_two_worlds_do_not_see_each_other() -> None:
    with EmbeddedBackend() as outer:
        outer.client("sqs").create_queue(QueueName="q")
        outer.client("s3").create_bucket(Bucket="bucket")
        with EmbeddedBackend() as inner:
            assert "QueueUrls" not in inner.client("sqs").list_queues()
            assert inner.client("s3").list_buckets()["Buckets"] == []
        assert len(outer.client("sqs").list_queues()["QueueUrls"]) == 1
        assert [bucket["Name"] for bucket in outer.client("s3").list_buckets()["Buckets"]] == ["bucket"]


def test_accounts_and_regions_are_apart(backend) -> None:
    for service, create in (("sqs", {"QueueName": "x"}), ("sns", {"Name": "x"})):
        for options in ({}, {"region": "eu-west-1"}, {"account": "222222222222"}):
            client = backend.client(service, **options)
            (client.create_queue if service == "sqs" else client.create_topic)(**create)
    names = {
        (options.get("region"), options.get("account")): backend.client("sqs", **options).list_queues()[
            "QueueUrls"
        ]
        for options in ({}, {"region": "eu-west-1"}, {"account": "222222222222"})
    }
    assert len({tuple(urls) for urls in names.values()}) == 3
    table(backend.client("dynamodb", account="222222222222"))
    assert backend.client("dynamodb").list_tables()["TableNames"] == []
    assert backend.client("dynamodb", account="222222222222").list_tables()["TableNames"] == ["t"]


def test_responses_and_errors_look_like_botocores(backend) -> None:
    sqs = backend.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    assert sqs.send_message(QueueUrl=url, MessageBody="m")["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ParamValidationError, match="MessageBody"):
        sqs.send_message(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
        sqs.get_queue_url(QueueName="none")
    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(backend.client("dynamodb").exceptions.ResourceNotFoundException):
        backend.client("dynamodb").get_item(TableName="none", Key={"k": {"S": "x"}})


def test_a_guard_can_refuse_a_call(backend, world) -> None:
    def deny(service, operation, params, caller) -> None:
        if operation == "ListQueues":
            raise ServiceError("AccessDenied", "not you", status=403)

    world.guards.append(deny)
    with pytest.raises(ClientError) as caught:
        backend.client("sqs").list_queues()
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert world.journal.entries(verb="sqs.ListQueues")[0].result == "error AccessDenied: not you"


def test_what_the_caller_changes_later_changes_nothing(backend, world) -> None:
    sqs = backend.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    attributes = {"a": {"DataType": "String", "StringValue": "before"}}
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageAttributes=attributes)
    attributes["a"]["StringValue"] = "after"
    message = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"][0]
    assert message["MessageAttributes"]["a"]["StringValue"] == "before"
    assert "before" in world.journal.timeline()
    assert "after" not in world.journal.timeline()


def test_only_counts_are_kept_when_asked() -> None:
    with EmbeddedBackend(journal="counts") as backend:
        backend.client("sqs").create_queue(QueueName="q")
        assert len(backend.world.journal) == 0
        assert backend.world.journal.counts["sqs.CreateQueue", "q"] == 1


def test_sockets_beyond_loopback_are_refused(backend) -> None:
    with pytest.raises(StackproofError, match=r"192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
    with pytest.raises(StackproofError, match=r"example\.com"):
        socket.getaddrinfo("example.com", 80)


def test_credentials_are_fake_and_the_environment_comes_back(monkeypatch) -> None:
    import os

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    with EmbeddedBackend(account="333333333333"):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "333333333333"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"


def test_a_backend_keeps_its_state_while_another_answers() -> None:
    backend = EmbeddedBackend().activate()
    table(backend.client("dynamodb"))
    backend.deactivate()
    with EmbeddedBackend() as other:
        assert other.client("dynamodb").list_tables()["TableNames"] == []
    with backend.activate():
        assert backend.client("dynamodb").list_tables()["TableNames"] == ["t"]


@pytest.mark.parametrize(
    ("seconds", "error", "says"),
    [
        (-1, UsageError, "cannot advance by -1 seconds"),
        (float("nan"), UsageError, "cannot advance by nan"),
        (float("inf"), UsageError, "cannot advance by inf"),
        ("3", TypeError, "a number of seconds, not '3'"),
        (True, TypeError, "not True"),
    ],
)
def test_time_advances_by_what_can_pass(world, seconds, error, says) -> None:
    before = world.clock.ms
    with pytest.raises(error, match=says):
        world.advance(seconds)
    assert world.clock.ms == before
    world.advance(0.5)
    assert world.clock.ms == before + 500


def test_many_readings_at_once_are_the_same_readings() -> None:
    one, many = Meters(Clock(0)), Meters(Clock(0))
    for _ in range(2):
        for metric, value in {"Invocations": 1, "Duration": 20}.items():
            one.add("arn", metric, value, ms=60_001)
        many.add_all("arn", {"Invocations": 1, "Duration": 20}, 60_001)
    assert many.readings == one.readings == {
        (1, "arn", "Invocations"): {1: 2},
        (1, "arn", "Duration"): {20: 2},
    }  # fmt: skip
    assert list(many.known()) == list(one.known())


def test_counts_are_the_same_with_and_without_the_journal() -> None:
    counted = []
    for mode in ("full", "counts"):
        with EmbeddedBackend(seed=3, journal=mode) as backend:
            sqs = backend.client("sqs")
            url = sqs.create_queue(QueueName="q")["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody="m")
            with pytest.raises(ClientError):
                sqs.send_message(QueueUrl=f"{url}-other", MessageBody="m")
            counted.append((dict(backend.world.journal.counts), backend.world.ids.uuid()))
            assert bool(len(backend.world.journal)) == (mode == "full")
    assert counted[0] == counted[1]
