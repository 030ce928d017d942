"""What was asked of FIFO queues: groups, deduplication, throughput."""

from __future__ import annotations

from typing import Any

from sqs_scenarios import both, every_attribute
from stage import Stage, scenario


@scenario(
    "sqs",
    *(
        f"test_fifo_group_visibility_extends_with_change_message_visibility[{case}]"
        for case in ("sqs-0-visible", "sqs-1-visible", "sqs_query-0-visible", "sqs_query-1-visible",
                     "sqs_query-2-visible")
    ),
)  # fmt: skip
def one_of_three_stays_hidden(s: Stage) -> None:
    url = s.queue(FifoQueue="true", VisibilityTimeout="1")
    for body in ("foo", "bar", "baz"):
        s.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="1", MessageDeduplicationId=body)
    answer = s.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=5)
    s.match("receive_all_messages", answer)
    receipt = answer["Messages"][int(s.variant[0])]["ReceiptHandle"]
    s.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=4)
    s.wait(2.5)
    s.match("some-messages-invisible", s.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=5))


@scenario("sqs", "test_fifo_delete_after_visibility_timeout_extended[sqs_query]")
def delete_within_an_extended_timeout(s: Stage) -> None:
    url = s.queue(FifoQueue="True", ContentBasedDeduplication="True", VisibilityTimeout="1")
    s.sqs.send_message(QueueUrl=url, MessageBody="foobar", MessageGroupId="1")
    answer = s.sqs.receive_message(QueueUrl=url)
    s.match("received_sqs_message", answer)
    receipt = answer["Messages"][0]["ReceiptHandle"]
    s.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=5)
    s.wait(1.5)
    s.sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)
    s.match("delete_after_timeout_fifo_extended", s.sqs.receive_message(QueueUrl=url))


@scenario("sqs", *both("test_fifo_empty_message_groups_added_back_to_queue"))
def a_group_that_ran_empty_comes_back(s: Stage) -> None:
    url = s.queue(FifoQueue="true")

    def send(number: int) -> None:
        token = f"deduplication-{number}"
        s.sqs.send_message(
            QueueUrl=url, MessageBody=f"Message {number}", MessageGroupId="g", MessageDeduplicationId=token
        )

    send(1)
    answer = s.sqs.receive_message(QueueUrl=url)
    s.match("inital-fifo-receive", answer)
    s.delete(url, answer)
    s.match("empty-fifo-receive", s.sqs.receive_message(QueueUrl=url))
    send(2)
    s.match("final-fifo-receive", s.sqs.receive_message(QueueUrl=url))


@scenario("sqs", *both("test_fifo_queue_send_message_with_zero_delay_defaults_to_queue_delay"))
def a_delay_of_zero_is_the_queues_delay(s: Stage) -> None:
    url = s.queue(FifoQueue="true", ContentBasedDeduplication="true", DelaySeconds="2")
    answer = s.sqs.send_message(QueueUrl=url, MessageBody="message-1", MessageGroupId="1", DelaySeconds=0)
    s.match("send_message_result", answer)
    s.match("receive_message_initial_result", s.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1))
    s.wait(3)
    s.match("receive_message_after_delay_result", s.sqs.receive_message(QueueUrl=url))


@scenario("sqs", *both("test_fifo_message_attributes"))
def attributes_of_a_fifo_message(s: Stage) -> None:
    url = s.queue(
        FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="0",
        DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId",
    )  # fmt: skip
    answer = s.sqs.send_message(
        QueueUrl=url, MessageBody="message-body-1", MessageGroupId="group-1", MessageDeduplicationId="dedup-1"
    )
    s.match("send_message", answer)
    for number in range(2):
        s.match(f"receive_message_{number}", s.sqs.receive_message(QueueUrl=url, AttributeNames=["All"]))


@scenario("sqs", *both("test_fifo_set_content_based_deduplication_strategy"))
def content_deduplication_off(s: Stage) -> None:
    url = s.queue(FifoQueue="true", SqsManagedSseEnabled="true", ContentBasedDeduplication="true")
    s.match("before-update", every_attribute(s, url))
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes={"ContentBasedDeduplication": "false"})
    s.match("after-update", every_attribute(s, url))


@scenario("sqs", "test_send_batch_missing_deduplication_id_for_fifo_queue[sqs_query]")
def a_batch_entry_without_deduplication(s: Stage) -> None:
    entries = [
        {"Id": "a", "MessageBody": "b", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
        {"Id": "b", "MessageBody": "b", "MessageGroupId": "g"},
    ]
    url = s.queue(FifoQueue="true", ContentBasedDeduplication="false")
    answer = s.error(s.sqs.send_message_batch, QueueUrl=url, Entries=entries)
    s.match("test_missing_deduplication_id_for_fifo_queue", answer)


def deduplicating_queue(s: Stage) -> tuple[str, dict[str, Any]]:
    """A queue, and what a message needs so that its repetition is known."""
    if s.case.endswith("True"):
        return s.queue(FifoQueue="true", ContentBasedDeduplication="true"), {}
    return s.queue(FifoQueue="true"), {"MessageDeduplicationId": "dedup1"}


@scenario(
    "sqs",
    *(f"test_fifo_deduplication_arrives_once_after_delete[{case}]"
      for case in ("sqs-False", "sqs_query-False", "sqs_query-True")),
)  # fmt: skip
def a_repetition_after_the_deletion(s: Stage) -> None:
    url, token = deduplicating_queue(s)
    message = {"QueueUrl": url, "MessageBody": '{"foo": "bar"}', "MessageGroupId": "group-1", **token}
    s.sqs.send_message(**message)
    answer = s.sqs.receive_message(QueueUrl=url)
    s.match("get-messages", answer)
    s.delete(url, answer)
    s.sqs.send_message(**message)
    s.match("get-messages-duplicate", s.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1))


@scenario(
    "sqs",
    *(f"test_fifo_deduplication_not_on_message_group_id[{case}]" for case in ("sqs-False", "sqs-True")),
)
def a_repetition_in_another_group(s: Stage) -> None:
    url, token = deduplicating_queue(s)
    for group in ("group-1", "group-2"):
        s.sqs.send_message(QueueUrl=url, MessageBody='{"foo": "bar"}', MessageGroupId=group, **token)
    s.match("get-messages", s.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2))
    s.match("get-dedup-messages", s.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1))


HIGH = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}


def send(s: Stage, url: str, number: int, body: str = "", token: str = "same-dedup") -> None:
    group = f"group{number}"
    s.sqs.send_message(
        QueueUrl=url, MessageBody=body or f"Test{number}", MessageGroupId=group, MessageDeduplicationId=token
    )


@scenario("sqs", *both("test_sqs_fifo_same_dedup_id_different_message_groups"))
def one_token_in_two_groups(s: Stage) -> None:
    url = s.queue(FifoQueue="True", ContentBasedDeduplication="False")
    for number in (1, 2):
        send(s, url, number, "Test")
        answer = s.sqs.receive_message(QueueUrl=url)
        s.match(f"same-dedup-different-grp-{number}", answer)
        s.delete(url, answer)


@scenario("sqs", *both("test_fifo_high_throughput_ordering"))
def one_token_in_two_groups_that_deduplicate_alone(s: Stage) -> None:
    url = s.queue(FifoQueue="True", ContentBasedDeduplication="False", **HIGH)
    for number in (1, 2):
        send(s, url, number)
        answer = s.sqs.receive_message(QueueUrl=url)
        s.match(f"same-dedup-different-grp-{number}", answer)
        s.delete(url, answer)


@scenario("sqs", "test_sqs_fifo_message_group_scope_no_throughput_setting[sqs]")
def one_content_in_two_groups_that_deduplicate_alone(s: Stage) -> None:
    url = s.queue(FifoQueue="True", ContentBasedDeduplication="True", DeduplicationScope="messageGroup")
    for number in (1, 2):
        s.sqs.send_message(QueueUrl=url, MessageBody="Test", MessageGroupId=f"group{number}")
        answer = s.sqs.receive_message(QueueUrl=url)
        s.match(f"same-dedup-different-grp-{number}", answer)
        s.delete(url, answer)


@scenario("sqs", "test_fifo_change_to_high_throughput_after_creation[sqs]")
def high_throughput_later(s: Stage) -> None:
    url = s.queue(FifoQueue="True", ContentBasedDeduplication="False", DeduplicationScope="queue")

    def receive(key: str) -> None:
        answer = s.sqs.receive_message(QueueUrl=url)
        s.match(key, answer)
        s.delete(url, answer)

    send(s, url, 1)
    receive("same-dedup-different-grp-1")
    send(s, url, 2)
    receive("same-dedup-different-grp-2")
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes=HIGH)
    s.match("set-to-high-throughput", every_attribute(s, url))
    receive("same-dedup-different-grp-high-throughput")
    send(s, url, 3)
    receive("same-dedup-different-grp-high-throughput-2")
    send(s, url, 4, token="dedup_2")
    receive("new-dedup2-high-throughput")
    send(s, url, 5, token="dedup_2")
    receive("same-dedup2-high-throughput")


@scenario("sqs", "test_fifo_change_to_regular_throughput_after_creation[sqs_query]")
def regular_throughput_later(s: Stage) -> None:
    url = s.queue(FifoQueue="True", ContentBasedDeduplication="False", **HIGH)
    for number in (1, 2):
        send(s, url, number)
        answer = s.sqs.receive_message(QueueUrl=url)
        s.match(f"same-dedup-different-grp-{number}", answer)
        s.delete(url, answer)
    regular = {"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes=regular)
    s.match("set-to-regular-throughput", every_attribute(s, url))
    send(s, url, 3)
    s.match("same-dedup-different-grp-regular-throughput", s.sqs.receive_message(QueueUrl=url))
