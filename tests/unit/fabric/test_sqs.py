"""Queues beyond what the recordings show: time, consumers, redrive, move tasks, limits."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stackproof.fabric.choice import Seeded


@pytest.fixture
def sqs(backend) -> Any:
    return backend.client("sqs")


@pytest.fixture
def make(sqs) -> Any:
    def create(name: str = "q", **attributes: str) -> str:
        if name.endswith(".fifo"):
            attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
        return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    return create


def arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:123456789012:{name}"


def bodies(answer: Any) -> list[str]:
    return [message["Body"] for message in answer.get("Messages", [])]


def test_a_long_poll_ends_when_a_delayed_message_comes(sqs, make, world) -> None:
    url = make()
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=3)
    assert bodies(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)) == ["late"]
    assert world.clock.elapsed == 3
    assert bodies(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)) == []
    assert world.clock.elapsed == 13


def test_a_hidden_message_comes_back_with_another_receipt(sqs, make, world) -> None:
    url = make(VisibilityTimeout="5")
    sqs.send_message(QueueUrl=url, MessageBody="m")
    first = sqs.receive_message(QueueUrl=url)["Messages"][0]
    world.advance(4.999)
    assert bodies(sqs.receive_message(QueueUrl=url)) == []
    world.advance(0.001)
    second = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_standard_queue_deletes_by_the_handle_of_any_receive(sqs, make, world) -> None:
    sqs.send_message(QueueUrl=make(), MessageBody="m")
    queues = world.service("sqs")
    (message,) = queues.receive_raw(arn("q"), 1, visibility=0)
    first = message.receipt
    queues.receive_raw(arn("q"), 1)
    assert message.receipt != first
    queues.delete_batch_raw(arn("q"), [(message, first)])
    assert not queues.queue(arn("q")).messages


def test_a_fifo_queue_keeps_what_was_received_again_since(sqs, make, world) -> None:
    sqs.send_message(QueueUrl=make("q.fifo"), MessageBody="m", MessageGroupId="g")
    queues = world.service("sqs")
    (message,) = queues.receive_raw(arn("q.fifo"), 1, visibility=0)
    first = message.receipt
    queues.receive_raw(arn("q.fifo"), 1)
    queues.delete_batch_raw(arn("q.fifo"), [(message, first)])
    assert queues.queue(arn("q.fifo")).messages
    queues.delete_batch_raw(arn("q.fifo"), [(message, message.receipt)])
    assert not queues.queue(arn("q.fifo")).messages


def test_a_message_of_before_a_restore_is_deleted_in_the_restored_queue(sqs, make, world) -> None:
    sqs.send_message(QueueUrl=make(), MessageBody="m")
    queues = world.service("sqs")
    before = world.snapshot()
    (message,) = queues.receive_raw(arn("q"), 1)
    world.restore(before)
    for _ in range(2):
        queues.delete_batch_raw(arn("q"), [(message, message.receipt)])
        queue = queues.queue(arn("q"))
        assert (dict(queue.messages), queue.in_flight, queue.visible) == ({}, 0, 0)


def test_too_many_receives_lead_to_the_dead_letter_queue(sqs, make) -> None:
    dead = make("dead")
    policy = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 2})
    url = make("source", VisibilityTimeout="0", RedrivePolicy=policy)
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert [bodies(sqs.receive_message(QueueUrl=url)) for _ in range(3)] == [["poison"], ["poison"], []]
    assert bodies(sqs.receive_message(QueueUrl=dead)) == ["poison"]


def test_a_redrive_allow_policy_keeps_messages_out(sqs, make) -> None:
    make("dead", RedriveAllowPolicy=json.dumps({"redrivePermission": "denyAll"}))
    policy = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1})
    url = make("source", VisibilityTimeout="0", RedrivePolicy=policy)
    sqs.send_message(QueueUrl=url, MessageBody="stays")
    assert [bodies(sqs.receive_message(QueueUrl=url)) for _ in range(3)] == [["stays"]] * 3


def test_a_move_task_brings_dead_letters_home(sqs, make, world) -> None:
    dead = make("dead")
    policy = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1})
    url = make("source", VisibilityTimeout="0", RedrivePolicy=policy)
    for number in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    for _ in range(2):
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    handle = sqs.start_message_move_task(SourceArn=arn("dead"), MaxNumberOfMessagesPerSecond=2)["TaskHandle"]
    with pytest.raises(ClientError, match="already a task running"):
        sqs.start_message_move_task(SourceArn=arn("dead"))
    world.run_until_idle()
    task = sqs.list_message_move_tasks(SourceArn=arn("dead"))["Results"][0]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 5)
    assert world.clock.elapsed == 2
    assert bodies(sqs.receive_message(QueueUrl=dead)) == []
    assert sorted(bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10))) == list("01234")
    with pytest.raises(ClientError, match="Task does not exist"):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_messages_are_forgotten_after_their_retention(sqs, make, world) -> None:
    url = make(MessageRetentionPeriod="60")
    sqs.send_message(QueueUrl=url, MessageBody="old")
    world.advance(30)
    sqs.send_message(QueueUrl=url, MessageBody="young")
    world.advance(30)
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["young"]


def test_a_deleted_name_is_taken_for_a_minute(sqs, make, world) -> None:
    sqs.delete_queue(QueueUrl=make())
    world.advance(59)
    with pytest.raises(sqs.exceptions.QueueDeletedRecently):
        make()
    world.advance(1)
    make()


def test_deduplication_lasts_five_minutes(sqs, make, world) -> None:
    url = make("q.fifo")
    sent = [
        sqs.send_message(QueueUrl=url, MessageBody="m", MessageGroupId="g")["MessageId"] for _ in range(2)
    ]
    assert sent[0] == sent[1]
    world.advance(300)
    again = sqs.send_message(QueueUrl=url, MessageBody="m", MessageGroupId="g")["MessageId"]
    assert again != sent[0]


def test_a_group_waits_for_its_message_in_flight(sqs, make) -> None:
    url = make("q.fifo")
    for body, group in (("a1", "a"), ("b1", "b"), ("a2", "a")):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
    first = sqs.receive_message(QueueUrl=url)
    assert bodies(first) == ["a1"]
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["b1"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["Messages"][0]["ReceiptHandle"])
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["a2"]


def test_an_expired_receipt_of_a_fifo_queue_deletes_nothing(sqs, make, world) -> None:
    url = make("q.fifo", VisibilityTimeout="1")
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageGroupId="g")
    receipt = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    world.advance(2)
    with pytest.raises(ClientError, match="receipt handle has expired"):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)


def test_the_same_attempt_receives_the_same_messages(sqs, make) -> None:
    url = make("q.fifo")
    sqs.send_message(QueueUrl=url, MessageBody="m", MessageGroupId="g")
    answers = [sqs.receive_message(QueueUrl=url, ReceiveRequestAttemptId="attempt") for _ in range(2)]
    assert answers[0]["Messages"] == answers[1]["Messages"]
    assert bodies(sqs.receive_message(QueueUrl=url)) == []


def test_a_watcher_hears_of_arrivals_and_returns(sqs, make, world) -> None:
    url = make(VisibilityTimeout="30")
    service = world.service("sqs")
    seen: list[tuple[float, list[str]]] = []

    def notify(name: str) -> None:
        seen.append((world.clock.elapsed, [message.body for message in service.receive_raw(name, 10)]))

    service.watch(arn("q"), notify)
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    world.run_until_idle(horizon=45)
    assert seen == [(0, ["a", "b"]), (30, ["a", "b"])]
    service.unwatch(arn("q"), notify)
    assert world.run_until_idle().seconds == 0


def test_a_polling_worker_works_until_nothing_is_left(sqs, make, world, start) -> None:
    url = make()
    done: list[str] = []

    def worker() -> None:
        client = boto3.client("sqs")
        while True:
            for message in client.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
                time.sleep(2)
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                done.append(message["Body"])

    start(worker, "worker", kind="process", daemon=True)
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    idle = world.run_until_idle()
    assert done == ["a", "b"]
    assert idle.seconds == 4
    assert world.run_until_idle().seconds == 0


def test_a_worker_that_sleeps_between_polls_is_woken_by_its_messages(sqs, make, world, start) -> None:
    url = make()
    done: list[str] = []

    def worker() -> None:
        client = boto3.client("sqs")
        while True:
            for message in client.receive_message(QueueUrl=url).get("Messages", []):
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                done.append(message["Body"])
            time.sleep(7)

    start(worker, "worker", kind="process", daemon=True)
    assert world.run_until_idle().seconds == 0
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert world.run_until_idle().seconds == 14
    assert done == ["m"]


def test_a_standard_queue_may_deliver_in_another_order(sqs, make, world) -> None:
    url = make()
    world.scheduler.chooser = Seeded(2)
    for number in range(6):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    received = bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10))
    assert sorted(received) == list("012345")
    assert received != list("012345")


@pytest.mark.parametrize("name", ["q", "q.fifo"])
def test_counts_follow_every_move(sqs, make, world, name: str) -> None:
    url = make(name, DelaySeconds="5")
    group = {"MessageGroupId": "g"} if name.endswith("fifo") else {}
    for number in range(4):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), **group)

    def counts() -> tuple[int, ...]:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return tuple(
            int(found[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed")
        )

    assert counts() == (0, 0, 4)
    world.advance(5)
    assert counts() == (4, 0, 0)
    message = sqs.receive_message(QueueUrl=url)["Messages"][0]
    assert counts() == (3, 1, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert counts() == (3, 0, 0)
    sqs.purge_queue(QueueUrl=url)
    assert counts() == (0, 0, 0)


def test_what_is_in_flight_is_limited(sqs, make, world) -> None:
    url = make()
    queue = world.service("sqs").queue(arn("q"))
    queue.in_flight_limit = 1
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody="m")
    sqs.receive_message(QueueUrl=url)
    with pytest.raises(sqs.exceptions.OverLimit):
        sqs.receive_message(QueueUrl=url)


def test_a_visible_message_that_is_hidden_again_comes_back_once(sqs, make, world) -> None:
    url = make(VisibilityTimeout="1")
    sqs.send_message(QueueUrl=url, MessageBody="m")
    receipt = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    world.advance(2)
    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=5)
    world.advance(5)
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["m"]


def test_a_limit_per_group_needs_duplicates_per_group(sqs, make) -> None:
    limit, scope = {"FifoThroughputLimit": "perMessageGroupId"}, {"DeduplicationScope": "messageGroup"}
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        make("q.fifo", **limit, DeduplicationScope="queue")
    url = make("q.fifo")
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=limit)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={**limit, **scope})
    with pytest.raises(sqs.exceptions.InvalidAttributeValue):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"DeduplicationScope": "queue"})
