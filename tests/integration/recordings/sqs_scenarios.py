"""What was asked of SQS: messages, batches, visibility, queues and their attributes."""

from __future__ import annotations

from typing import Any

from stage import Stage, scenario

ONE_ATTRIBUTE = {"k": {"DataType": "String", "StringValue": "x"}}
MAXIMUM = 1_048_576


def both(test: str) -> tuple[str, str]:
    """The recordings of a test over both protocols."""
    return f"{test}[sqs]", f"{test}[sqs_query]"


@scenario("sqs", "test_receive_empty_queue[sqs]")
def receive_from_an_empty_queue(s: Stage) -> None:
    url = s.queue()
    s.match("empty_short_poll_resp_no_param", s.sqs.receive_message(QueueUrl=url))
    s.match("empty_short_poll_resp", s.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0))
    s.match("empty_long_poll_resp", s.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1))


@scenario("sqs", *both("test_send_receive_max_number_of_messages"))
def receive_too_many(s: Stage) -> None:
    url = s.queue()
    s.sqs.send_message(QueueUrl=url, MessageBody="hello")
    s.match(
        "send_max_number_of_messages", s.error(s.sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
    )


@scenario("sqs", "test_send_receive_wait_time_seconds[sqs]")
def receive_with_a_wait_out_of_range(s: Stage) -> None:
    url = s.queue()
    for _ in range(2):
        s.sqs.send_message(QueueUrl=url, MessageBody="message")
    s.match(
        "recieve_message_error_too_large", s.error(s.sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21)
    )
    s.match(
        "recieve_message_error_too_small", s.error(s.sqs.receive_message, QueueUrl=url, WaitTimeSeconds=-1)
    )
    s.match("empty_short_poll_by_default_resp", s.sqs.receive_message(QueueUrl=url))
    s.match("empty_short_poll_explicit_resp", s.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0))


@scenario("sqs", *both("test_send_oversized_message"))
def send_a_message_that_is_one_byte_too_long(s: Stage) -> None:
    answer = s.error(
        s.sqs.send_message,
        QueueUrl=s.queue(),
        MessageBody="b" * (MAXIMUM - 7),
        MessageAttributes=ONE_ATTRIBUTE,
    )
    s.match("send_oversized_message", answer)


@scenario("sqs", *both("test_send_message_with_updated_maximum_message_size"))
def send_past_a_smaller_limit(s: Stage) -> None:
    url = s.queue()
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": "1024"})
    s.sqs.send_message(QueueUrl=url, MessageBody="b" * 1024)
    answer = s.error(
        s.sqs.send_message, QueueUrl=url, MessageBody="b" * 1017, MessageAttributes=ONE_ATTRIBUTE
    )
    s.match("send_oversized_message", answer)


@scenario("sqs", "test_send_message_batch_with_oversized_contents[sqs]")
def send_a_batch_that_is_one_byte_too_long(s: Stage) -> None:
    entries = [
        {"Id": "long", "MessageBody": "b" * (MAXIMUM - 8), "MessageAttributes": ONE_ATTRIBUTE},
        {"Id": "short", "MessageBody": "b"},
    ]
    answer = s.error(s.sqs.send_message_batch, QueueUrl=s.queue(), Entries=entries)
    s.match("send_oversized_message_batch", answer)


@scenario(
    "sqs", "test_send_message_batch_with_oversized_contents_with_updated_maximum_message_size[sqs_query]"
)
def send_a_batch_longer_than_one_message_may_be(s: Stage) -> None:
    url = s.queue()
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": "2048"})
    entries = [
        {"Id": "1", "MessageBody": "a" * 2040, "MessageAttributes": ONE_ATTRIBUTE},
        {"Id": "2", "MessageBody": "a"},
    ]
    s.match("send_oversized_message_batch", s.sqs.send_message_batch(QueueUrl=url, Entries=entries))


@scenario("sqs", "test_send_batch_message_size")
def one_entry_of_a_batch_is_too_long(s: Stage) -> None:
    ids = [s.world.ids.uuid(), s.world.ids.uuid()]
    entries = [{"Id": name, "MessageBody": "a" * size} for name, size in zip(ids, (1024, 1025), strict=True)]
    url = s.queue(MaximumMessageSize="1024")
    s.match("send-message-batch-result", s.sqs.send_message_batch(QueueUrl=url, Entries=entries))


@scenario("sqs", "test_send_message_to_standard_queue_with_invalid_message_group_id[spaces]")
def a_group_with_a_space(s: Stage) -> None:
    answer = s.error(s.sqs.send_message, QueueUrl=s.queue(), MessageBody="m", MessageGroupId="group 123")
    s.match("error-response", answer)


@scenario(
    "sqs", *(f"test_message_deduplication_id_invalid[{case}]" for case in ("empty", "spaces", "too_long"))
)
def a_malformed_deduplication_id(s: Stage) -> None:
    wrong = {"empty": "", "spaces": "group 123", "too_long": "a" * 129}[s.case]
    answer = s.error(
        s.sqs.send_message, QueueUrl=s.queue(FifoQueue="true"), MessageBody="m", MessageGroupId="g",
        MessageDeduplicationId=wrong,
    )  # fmt: skip
    s.match("error-response", answer)


@scenario("sqs", *both("test_tag_untag_queue"))
def tag_and_untag(s: Stage) -> None:
    url = s.queue()
    s.sqs.tag_queue(QueueUrl=url, Tags={"tag1": "value1", "tag2": "value2", "tag3": ""})
    s.match("get-tag-1", s.sqs.list_queue_tags(QueueUrl=url))
    s.sqs.untag_queue(QueueUrl=url, TagKeys=["tag3", "tag1"])
    s.match("get-tag-2", s.sqs.list_queue_tags(QueueUrl=url))
    s.sqs.untag_queue(QueueUrl=url, TagKeys=["tag2"])
    s.match("get-tag-after-untag", s.sqs.list_queue_tags(QueueUrl=url))


@scenario("sqs", "test_create_fifo_queue_with_different_attributes_raises_error[sqs_query]")
def create_again_with_another_deduplication(s: Stage) -> None:
    name = "twice.fifo"
    s.queue(name, FifoQueue="true", ContentBasedDeduplication="true")
    changed = {"FifoQueue": "true", "ContentBasedDeduplication": "false"}
    s.match("queue-already-exists", s.error(s.json.create_queue, QueueName=name, Attributes=changed))


@scenario("sqs", *both("test_create_standard_queue_with_fifo_attribute_raises_error"))
def a_standard_queue_with_attributes_of_a_fifo_queue(s: Stage) -> None:
    wrong = {
        "invalid-attribute-fifo-queue": {"FifoQueue": "false"},
        "invalid-attribute-content-based-deduplication": {"ContentBasedDeduplication": "false"},
        "invalid-attribute-deduplication-scope": {"DeduplicationScope": "queue"},
        "invalid-attribute-throughput-limit": {"FifoThroughputLimit": "perQueue"},
    }
    for key, attributes in wrong.items():
        s.match(key, s.error(s.json.create_queue, QueueName="standard", Attributes=attributes))


@scenario("sqs", *both("test_create_queue_with_different_attributes_raises_exception"))
def create_again_with_another_delay(s: Stage) -> None:
    name = "delayed"

    def attributes(delay: str) -> dict[str, str]:
        return {"ReceiveMessageWaitTimeSeconds": "1", "DelaySeconds": delay}

    url = s.queue(name, **attributes("1"))
    assert s.queue(name) == url
    assert s.queue(name, DelaySeconds="1") == url
    s.match("create_queue_01", s.error(s.json.create_queue, QueueName=name, Attributes=attributes("2")))
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "2"})
    assert s.queue(name, **attributes("2")) == url
    s.match("create_queue_02", s.error(s.json.create_queue, QueueName=name, Attributes=attributes("1")))


@scenario("sqs", "test_create_and_update_queue_attributes[sqs_query]")
def attributes_at_birth_and_later(s: Stage) -> None:
    url = s.queue(MessageRetentionPeriod="604800", ReceiveMessageWaitTimeSeconds="10", VisibilityTimeout="20")
    s.match("get_queue_attributes", every_attribute(s, url))
    changes = {"MaximumMessageSize": "2048", "VisibilityTimeout": "69", "DelaySeconds": "420"}
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes=changes)
    s.match("get_updated_queue_attributes", every_attribute(s, url))


def every_attribute(s: Stage, url: str) -> Any:
    return s.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


@scenario("sqs", "test_set_queue_attributes_default_values[sqs_query]")
def encryption_on_and_off(s: Stage) -> None:
    url = s.queue()
    s.match("get-queue-attributes-initial-values", every_attribute(s, url))
    for key, master, period in (("update", "testKeyId", "6000"), ("set-to-defaults", "", "300")):
        changes = {"KmsMasterKeyId": master, "KmsDataKeyReusePeriodSeconds": period}
        s.sqs.set_queue_attributes(QueueUrl=url, Attributes=changes)
        s.match(f"get-queue-attributes-after-{key}", every_attribute(s, url))


@scenario("sqs", "test_sse_kms_and_sqs_are_mutually_exclusive[sqs]")
def two_kinds_of_encryption(s: Stage) -> None:
    both_kinds = {"KmsMasterKeyId": "testKeyId", "SqsManagedSseEnabled": "true"}
    refused = s.raised(s.sqs.set_queue_attributes, QueueUrl=s.queue(), Attributes=both_kinds)
    s.match("error", str(refused))


@scenario("sqs", "test_set_unsupported_attribute_standard[sqs_query]")
def a_standard_queue_cannot_become_fifo(s: Stage) -> None:
    url = s.queue()
    for number, value in ((1, "true"), (2, "false")):
        answer = s.error(s.sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoQueue": value})
        s.match(f"invalid-attr-name-{number}", answer)


@scenario("sqs", *both("test_set_unsupported_attribute_fifo"))
def a_fifo_queue_cannot_become_standard(s: Stage) -> None:
    answer = s.error(s.sqs.set_queue_attributes, QueueUrl=s.queue(), Attributes={"FifoQueue": "true"})
    s.match("invalid-attr-name-1", answer)
    url = s.queue(FifoQueue="true")
    s.sqs.set_queue_attributes(QueueUrl=url, Attributes={"FifoQueue": "true"})
    answer = s.error(s.sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoQueue": "false"})
    s.match("invalid-attr-name-2", answer)


@scenario("sqs", *both("test_change_message_visibility_after_visibility_timeout_expiration"))
def hide_a_message_that_came_back(s: Stage) -> None:
    url = s.queue(VisibilityTimeout="1")
    s.sqs.send_message(QueueUrl=url, MessageBody="test")
    receipt = s.sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    s.wait(2)
    answer = s.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=2)
    s.match("visibility_timeout_expired", answer)
    assert "Messages" not in s.sqs.receive_message(QueueUrl=url)


def twenty_received(s: Stage, url: str) -> list[Any]:
    for _ in range(2):
        entries = [{"Id": f"id-{number}", "MessageBody": f"body-{number}"} for number in range(10)]
        s.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    received: list[Any] = []
    while len(received) < 20:
        received += s.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    return received


@scenario("sqs", *both("test_change_message_visibility_batch_with_too_large_batch"))
def hide_twenty_at_once(s: Stage) -> None:
    url = s.queue()
    entries = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 123}
        for number, message in enumerate(twenty_received(s, url))
    ]
    s.match("error_response", s.error(s.sqs.change_message_visibility_batch, QueueUrl=url, Entries=entries))


@scenario("sqs", *both("test_delete_message_batch_with_too_large_batch"))
def delete_twenty_at_once(s: Stage) -> None:
    url = s.queue()
    entries = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(twenty_received(s, url))
    ]
    s.match("error_response", s.error(s.sqs.delete_message_batch, QueueUrl=url, Entries=entries))


@scenario(
    "sqs",
    *(
        f"test_delete_message_batch_invalid_msg_id[{case}]"
        for case in ("sqs-", "sqs-invalid:id", f"sqs-{'testLongId' * 10}", "sqs_query-invalid:id",
                     f"sqs_query-{'testLongId' * 10}")
    ),
)  # fmt: skip
def delete_with_a_malformed_entry_id(s: Stage) -> None:
    entries = [{"Id": s.variant, "ReceiptHandle": "handle"}]
    s.match("error_response", s.error(s.sqs.delete_message_batch, QueueUrl=s.queue(), Entries=entries))


@scenario("sqs", *both("test_too_many_entries_in_batch_request"))
def send_twenty_at_once(s: Stage) -> None:
    entries = [{"Id": f"id-{number}", "MessageBody": "b"} for number in range(20)]
    answer = s.error(s.sqs.send_message_batch, QueueUrl=s.queue(), Entries=entries)
    s.match("test_too_many_entries_in_batch_request", answer)


@scenario("sqs", "test_invalid_batch_id[sqs]")
def send_with_a_malformed_entry_id(s: Stage) -> None:
    entries = [{"Id": "message:1", "MessageBody": "b"}]
    s.match("test_invalid_batch_id", s.error(s.sqs.send_message_batch, QueueUrl=s.queue(), Entries=entries))


@scenario("sqs", "test_send_message_with_binary_attributes[sqs]")
def binary_attributes(s: Stage) -> None:
    url = s.queue()
    value = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
    attributes = {"attr1": {"BinaryValue": value, "DataType": "Binary"}}
    s.sqs.send_message(QueueUrl=url, MessageBody="test", MessageAttributes=attributes)
    s.match("binary-attrs-msg", s.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]))


@scenario("sqs", "test_send_message_with_empty_string_attribute[sqs]")
def an_empty_attribute(s: Stage) -> None:
    attributes = {"ErrorDetails": {"StringValue": "", "DataType": "String"}}
    answer = s.error(s.sqs.send_message, QueueUrl=s.queue(), MessageBody="m", MessageAttributes=attributes)
    s.match("empty-string-attr", answer)


@scenario("sqs", "test_receive_message_message_attribute_names_filters[sqs]")
def choose_message_attributes(s: Stage) -> None:
    url = s.queue(VisibilityTimeout="0")
    texts = {"Help.Me": "Me", "Hello": "There", "General": "Kenobi"}
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    s.match(
        "send_message_response",
        s.sqs.send_message(QueueUrl=url, MessageBody="msg", MessageAttributes=attributes),
    )
    for key, names in (("empty_filter", []), ("all_name", ["All"])):
        s.match(key, s.sqs.receive_message(QueueUrl=url, MessageAttributeNames=names))
    single = {
        "all_wildcard_asterisk": ["*"], "all_wildcard": [".*"], "only_non_existing_names": ["Foo", "Help"],
        "only_existing": ["Hello", "General"], "existing_and_non_existing": ["Foo", "Hello"],
        "prefix_filter": ["Hel.*"],
    }  # fmt: skip
    for key, names in single.items():
        s.match(key, s.sqs.receive_message(QueueUrl=url, MessageAttributeNames=names)["Messages"][0])
    for key, names in (("illegal_name_1", ["AWS."]), ("illegal_name_2", ["..foo"])):
        s.match(key, s.sqs.receive_message(QueueUrl=url, MessageAttributeNames=names))


def with_an_attribute(s: Stage) -> str:
    url = s.queue(VisibilityTimeout="0")
    attributes = {"Foo": {"DataType": "String", "StringValue": "Bar"}}
    s.sqs.send_message(QueueUrl=url, MessageBody="msg", MessageAttributes=attributes)
    return url


@scenario("sqs", *both("test_receive_message_message_system_attribute_names_filters"))
def choose_system_attributes(s: Stage) -> None:
    url = with_an_attribute(s)
    asked: dict[str, dict[str, list[str]]] = {
        "all_attributes": {"MessageSystemAttributeNames": ["All"]},
        "all_system_and_message_attributes": {
            "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
        },
        "single_attribute": {"MessageSystemAttributeNames": ["SenderId"]},
        "multiple_attributes": {"MessageSystemAttributeNames": ["SenderId", "SequenceNumber"]},
    }  # fmt: skip
    for key, names in asked.items():
        s.match(key, s.sqs.receive_message(QueueUrl=url, **names))


@scenario("sqs", "test_message_system_attribute_names_with_attribute_names[sqs_query]")
def the_older_parameter_wins(s: Stage) -> None:
    url = with_an_attribute(s)
    for key, names in (("same_values", ["All"]), ("different_values", ["SenderId"])):
        answer = s.sqs.receive_message(
            QueueUrl=url, MessageSystemAttributeNames=["All"], AttributeNames=names
        )
        s.match(key, answer)


@scenario(
    "sqs", "test_fair_queue_with_message_group_id[sqs]", "test_fair_queue_with_message_group_id[sqs_query]"
)
def a_group_on_a_standard_queue(s: Stage) -> None:
    url = s.queue()
    s.match("send_message", s.sqs.send_message(QueueUrl=url, MessageBody="message", MessageGroupId="test"))
    s.match("get-message-with-deduplication-id", s.sqs.receive_message(QueueUrl=url, AttributeNames=["All"]))


@scenario("sqs", "test_dead_letter_queue_message_attributes")
def what_a_dead_letter_keeps(s: Stage) -> None:
    import json

    dead = s.queue()
    url = s.queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": s.arn(dead), "maxReceiveCount": 1}))
    s.match("dlq-arn", s.arn(dead))
    s.match("sourcen-arn", s.arn(url))
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    s.sqs.send_message(
        QueueUrl=url, MessageBody="message-1",
        MessageAttributes={"MyAttribute": {"StringValue": "foobar", "DataType": "String"}},
        MessageSystemAttributes={"AWSTraceHeader": {"StringValue": trace, "DataType": "String"}},
    )  # fmt: skip
    s.sqs.send_message(QueueUrl=url, MessageBody="message-2")
    every = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    first = [s.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, **every) for _ in range(4)]
    s.match("rec-pre-dlq", without_sender(first))
    second = [s.sqs.receive_message(QueueUrl=dead, **every) for _ in range(2)]
    s.match("dlq-messages", without_sender(second))


def without_sender(answers: list[Any]) -> list[Any]:
    messages = [message for answer in answers for message in answer.get("Messages", [])]
    for message in messages:
        del message["Attributes"]["SenderId"]
    return sorted(messages, key=lambda message: str(message["Body"]))


@scenario("sqs", "test_non_existent_queue")
def ask_for_a_queue_that_is_gone(s: Stage) -> None:
    from stage import query_client

    url = s.queue("gone")
    s.sqs.delete_queue(QueueUrl=url)
    s.match("queue-does-not-exist", s.error(s.sqs.get_queue_attributes, QueueUrl=url))
    s.match("queue-does-not-exist-url", s.error(s.sqs.get_queue_url, QueueName="gone"))
    s.match("queue-does-not-exist-query", s.error(query_client().get_queue_attributes, QueueUrl=url))


@scenario("sqs", "test_successive_purge_calls_fail[sqs_query]")
def purge_twice_within_a_minute(s: Stage) -> None:
    url = s.queue("purged")
    s.sqs.purge_queue(QueueUrl=url)
    s.match("purge_queue_error", s.error(s.sqs.purge_queue, QueueUrl=url))
    s.wait(60)
    s.sqs.purge_queue(QueueUrl=url)


@scenario("sqs", "test_sqs_permission_lifecycle[sqs_query]")
def permissions(s: Stage) -> None:
    url = s.queue()
    mine, other = "111111111111", "668614515564"

    def add(label: str, *accounts: str) -> dict[str, Any]:
        return {
            "QueueUrl": url,
            "Label": label,
            "AWSAccountIds": list(accounts),
            "Actions": ["ReceiveMessage"],
        }

    def policy(key: str) -> None:
        s.match(
            f"get-queue-policy-attribute{key}",
            s.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]),
        )

    label = "crossaccountpermission"
    s.match("add-permission-response", s.sqs.add_permission(**add(label, other, mine)))
    policy("")
    s.match("remove-permission-response", s.sqs.remove_permission(QueueUrl=url, Label=label))
    policy("-after-removal")
    s.sqs.add_permission(**add(label, mine))
    policy("-first-account-same-label")
    key = "get-queue-policy-attribute-second-account-same-label"
    s.match(key, s.error(s.sqs.add_permission, **add(label, other)))
    s.sqs.add_permission(**add(f"{label}2", mine))
    policy("-second-account-different-label")
    s.sqs.remove_permission(QueueUrl=url, Label=label)
    policy("-delete-first-permission")
    s.sqs.remove_permission(QueueUrl=url, Label=f"{label}2")
    policy("-delete-second-permission")
    key = "get-queue-policy-attribute-delete-non-existent-label"
    s.match(key, s.error(s.sqs.remove_permission, QueueUrl=url, Label=f"{label}2"))
