"""What was asked of SNS: publish, and what arrives at queues."""

from __future__ import annotations

import json
from typing import Any

from stage import Stage, scenario

NUMBER = {"attr1": {"DataType": "Number", "StringValue": "1"}}
LIMIT = 262_144
EVERY = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}


def number(value: str) -> dict[str, Any]:
    return {"DataType": "Number", "StringValue": value}


def collect(s: Stage, url: str, *, delete: bool = True, **params: Any) -> list[Any]:
    """Everything in a queue, in order of arrival."""
    found: list[Any] = []
    while messages := s.receive(url, MaxNumberOfMessages=10, **params).get("Messages"):
        found += messages
        if delete:
            s.delete(url, {"Messages": messages})
    return found


# What is refused.


@scenario("sns", "test_publish_wrong_arn_format")
def publish_to_no_topic(s: Stage) -> None:
    for key, arn in (
        ("invalid-topic-arn", "randomstring"),
        ("invalid-topic-arn-1", "randomstring:1"),
        ("empty-topic", ""),
    ):
        s.match(key, s.error(s.sns.publish, Message="m", TopicArn=arn))


@scenario("sns", "test_empty_sns_message")
def publish_nothing(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    s.subscribe(topic, url)
    s.match("empty-msg-error", s.error(s.sns.publish, TopicArn=topic, Message=""))
    s.settle()
    names = ["ApproximateNumberOfMessages"]
    s.match("queue-attrs", s.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names))


@scenario("sns", "test_publish_batch_too_long_message")
def publish_a_batch_that_is_too_long(s: Stage) -> None:
    topic = s.topic()
    text = "a" * (LIMIT - len("attr1Number1"))
    halves = [{"Id": "1", "Message": "a" * (LIMIT // 2)}, {"Id": "2", "Message": "b" * (LIMIT // 2 + 1)}]
    spiced = [{"Id": "1", "Message": text, "MessageAttributes": NUMBER}, {"Id": "2", "Message": "b"}]
    for key, entries in (("error-no-attrs", halves), ("error-with-attrs", spiced)):
        s.match(key, s.error(s.sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries))
    spiced[0]["Message"] = text[:-1]
    s.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=spiced)


@scenario("sns", "test_publish_batch_invalid_entry_id")
def publish_with_malformed_entry_ids(s: Stage) -> None:
    topic = s.topic()

    def batch(identifier: str) -> dict[str, Any]:
        return {"TopicArn": topic, "PublishBatchRequestEntries": [{"Id": identifier, "Message": "m"}]}

    long = "myreallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreallyreallylongid"
    refused = {
        "invalid-char-dot": "message.id", "invalid-char-special": "msg@123#test", "id-too-long-81": "a" * 81,
        "id-too-long-91": long,
    }  # fmt: skip
    for key, identifier in refused.items():
        s.match(key, s.error(s.sns.publish_batch, **batch(identifier)))
    taken = {"valid-id-80-chars": "a" * 80, "valid-id-with-hyphen-underscore": "valid-message_123"}
    for key, identifier in taken.items():
        s.match(key, s.sns.publish_batch(**batch(identifier)))


@scenario("sns", "test_message_structure_json_exc")
def documents_that_are_no_messages(s: Stage) -> None:
    topic = s.topic()
    refused = {
        "missing-default-key": '{"sqs": "m"}',
        "invalid-json": '{"default": "m"} }',
        "key-is-not-string": '{"default": {"object": "m"}}',
    }
    for key, text in refused.items():
        s.match(key, s.error(s.sns.publish, TopicArn=topic, Message=text, MessageStructure="json"))
    twice = '{"default": "one", "default": "two"}'
    s.match("duplicate-json-keys", s.sns.publish(TopicArn=topic, Message=twice, MessageStructure="json"))


@scenario("sns", "test_publish_batch_messages_without_topic")
def publish_a_batch_to_an_unknown_topic(s: Stage) -> None:
    entries = [{"Id": "1", "Message": "m"}]
    answer = s.error(s.sns.publish_batch, TopicArn=s.topic() + "none", PublishBatchRequestEntries=entries)
    s.match("publish-batch-no-topic", answer)


@scenario("sns", "test_publish_batch_exceptions")
def batches_that_are_refused(s: Stage) -> None:
    topic = s.topic(FifoTopic="true")
    batches: dict[str, list[dict[str, str]]] = {
        "no-group-id": [{"Id": "1", "Message": "m"}],
        "too-many-msg": [{"Id": f"Id_{index}", "Message": "m"} for index in range(11)],
        "same-msg-id": [{"Id": "1", "Message": "m"}] * 2,
        "no-dedup-id": [{"Id": "1", "Message": "m", "MessageGroupId": "g"}],
        "no-default-key-json": [{"Id": "1", "Message": '{"sqs": "m"}', "MessageStructure": "json"}],
    }
    for key, entries in batches.items():
        s.match(key, s.error(s.sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries))


@scenario("sns", "test_validations_for_fifo")
def order_and_its_conditions(s: Stage) -> None:
    topic, ordered = s.topic(), s.topic(FifoTopic="true")
    url, ordered_url, dead = s.queue(), s.queue(FifoQueue="true"), s.queue()

    def subscribe(to: str, endpoint: str) -> dict[str, Any]:
        return {"TopicArn": to, "Protocol": "sqs", "Endpoint": s.arn(endpoint)}

    s.match("not-fifo-topic", s.error(s.sns.subscribe, **subscribe(topic, ordered_url)))
    mixed = s.sns.subscribe(**subscribe(ordered, url))["SubscriptionArn"]
    s.match("not-fifo-queue", s.sns.get_subscription_attributes(SubscriptionArn=mixed)["Attributes"])

    def redrive(arn: str, target: str) -> dict[str, str]:
        policy = json.dumps({"deadLetterTargetArn": s.arn(target)})
        return {"SubscriptionArn": arn, "AttributeName": "RedrivePolicy", "AttributeValue": policy}

    s.sns.set_subscription_attributes(**redrive(mixed, dead))
    strict = s.sns.subscribe(**subscribe(ordered, ordered_url))["SubscriptionArn"]
    answer = s.error(s.sns.set_subscription_attributes, **redrive(strict, url))
    s.match("regular-queue-for-dlq-of-fifo-topic", answer)
    s.match("no-msg-group-id", s.error(s.sns.publish, TopicArn=ordered, Message="m"))
    s.match("no-dedup-policy", s.error(s.sns.publish, TopicArn=ordered, Message="m", MessageGroupId="g"))
    answer = s.error(s.sns.publish, TopicArn=topic, Message="m", MessageDeduplicationId="d")
    s.match("no-msg-dedup-regular-topic", answer)


# What arrives.


@scenario("sns", "test_attribute_raw_subscribe")
def a_raw_message(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    arn = s.subscribe(topic, url, RawMessageDelivery="true")
    s.match("subscription-attributes", s.sns.get_subscription_attributes(SubscriptionArn=arn))
    attributes = {"store": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"}}
    s.sns.publish(TopicArn=topic, Message="This is a test message", MessageAttributes=attributes)
    s.match("messages-response", s.receive(url, MessageAttributeNames=["All"]))


@scenario("sns", "test_publish_unicode_chars")
def a_message_with_signs(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    s.subscribe(topic, url)
    s.sns.publish(TopicArn=topic, Message='ö§a1"_!?,. £$-')
    s.match("received-message", s.receive(url))


@scenario("sns", "test_publish_message_by_target_arn")
def two_names_of_a_topic(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    s.subscribe(topic, url)
    for index, (key, name) in enumerate((("topic", "TopicArn"), ("target", "TargetArn")), 1):
        s.sns.publish(**{name: topic}, Message=f"test-msg-{index}")
        answer = s.receive(url, MessageAttributeNames=["All"])
        s.match(f"receive-{key}-arn", answer)
        s.delete(url, answer)


@scenario("sns", "test_publish_sqs_from_sns")
def raw_and_not(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    arn = s.subscribe(topic, url)
    for raw, value in (("true", "99.12"), ("false", "100.12")):
        change = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": raw}
        s.sns.set_subscription_attributes(**change)
        s.match(f"sub-attrs-raw-{raw}", s.sns.get_subscription_attributes(SubscriptionArn=arn))
        s.sns.publish(TopicArn=topic, Message="Test msg", MessageAttributes={"attr1": number(value)})
        answer = s.receive(url, MessageAttributeNames=["All"])
        s.match(f"message-raw-{raw}", answer)
        s.delete(url, answer)


@scenario("sns", "test_message_structure_json_to_sqs")
def a_message_for_each_protocol(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    s.subscribe(topic, url)
    for key, text in (("sqs", json.dumps({"field": "value"})), ("default", {"field": "value"})):
        document = json.dumps({"default": "default field", "sqs": text})
        s.sns.publish(TopicArn=topic, Message=document, MessageStructure="json")
        answer = s.receive(url)
        s.match(f"get-msg-json-{key}", answer)
        s.delete(url, answer)


@scenario("sns", "test_publish_sqs_verify_signature[1]")
def a_signed_message(s: Stage) -> None:
    topic, url = s.topic(DisplayName="TestTopicSignature", SignatureVersion=s.case), s.queue()
    s.subscribe(topic, url)
    text = "test signature value with attributes"
    s.sns.publish(TopicArn=topic, Message=text, MessageAttributes=NUMBER)
    s.match("messages", s.receive(url, **EVERY))


@scenario("sns", "test_publish_message_group_id")
def a_group_through_a_standard_topic(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    s.subscribe(topic, url)
    text = "test signature value with attributes"
    s.sns.publish(TopicArn=topic, Message=text, MessageGroupId="my-group-id-1", MessageAttributes=NUMBER)
    s.match("messages", s.receive(url, **EVERY))


@scenario("sns", "test_subscription_after_failure_to_deliver")
def a_queue_that_is_gone(s: Stage) -> None:
    topic, url, dead = s.topic(), s.queue(), s.queue()
    arn = s.subscribe(topic, url)
    s.match("subscriptions-attrs", s.sns.get_subscription_attributes(SubscriptionArn=arn))
    s.sns.publish(TopicArn=topic, Message="test_dlq_before_sqs_endpoint_deleted")
    answer = s.receive(url)
    s.match("messages-before-delete", answer)
    s.delete(url, answer)
    s.sqs.delete_queue(QueueUrl=url)
    s.sns.publish(TopicArn=topic, Message="test_dlq_after_sqs_endpoint_deleted")
    s.settle()
    s.match("subscriptions", s.sns.list_subscriptions_by_topic(TopicArn=topic))
    s.let_in("sns", topic, dead)
    policy = json.dumps({"deadLetterTargetArn": s.arn(dead)})
    change = {"SubscriptionArn": arn, "AttributeName": "RedrivePolicy", "AttributeValue": policy}
    s.sns.set_subscription_attributes(**change)
    s.match("subscriptions-attrs-with-redrive", s.sns.get_subscription_attributes(SubscriptionArn=arn))
    for index in range(2):
        s.sns.publish(TopicArn=topic, Message=f"test_dlq_after_sqs_endpoint_deleted_{index}")
        answer = s.receive(dead)
        s.match(f"message-{index}-after-delete", answer)
        s.delete(dead, answer)


# In order.


@scenario("sns", "test_message_to_fifo_sqs[False]", "test_fifo_topic_to_regular_sqs[True]")
def a_repetition_through_a_topic(s: Stage) -> None:
    by_content = s.case == "True"
    settings = {"ContentBasedDeduplication": "true"} if by_content else {}
    topic = s.topic(FifoTopic="true", **settings)
    url = s.queue() if "regular" in s.name else s.queue(FifoQueue="true", **settings)
    s.subscribe(topic, url)
    token = {} if by_content else {"MessageDeduplicationId": "message-deduplication-id-1"}
    for key in ("messages", "dedup-messages"):
        s.sns.publish(TopicArn=topic, Message="Test", MessageGroupId="message-group-id-1", **token)
        answer = s.receive(url, AttributeNames=["All"])
        s.match(key, answer)
        s.delete(url, answer)


def three_entries(tokens: bool) -> list[dict[str, Any]]:
    two = {"attr1": number("99.12"), "attr2": number("109.12")}
    parts: list[tuple[str, dict[str, Any]]] = [
        ("with two attributes", {"MessageAttributes": two}),
        ("with one attribute", {"MessageAttributes": {"attr1": number("19.12")}}),
        ("without attribute", {}),
    ]
    entries = []
    for index, (text, more) in enumerate(parts, 1):
        entry = {
            "Id": str(index), "MessageGroupId": "complexMessageGroupId", "Subject": "Subject",
            "Message": f"Test Message {text}", **more,
        }  # fmt: skip
        if tokens:
            entry["MessageDeduplicationId"] = f"MessageDeduplicationId-{index}"
        entries.append(entry)
    return entries


@scenario("sns", "test_publish_fifo_messages_to_dlq[True]", "test_publish_fifo_messages_to_dlq[False]")
def ordered_messages_to_a_dead_letter_queue(s: Stage) -> None:
    topic, url, dead = s.topic(FifoTopic="true"), s.queue(FifoQueue="true"), s.queue(FifoQueue="true")
    s.match("topic-attrs", s.sns.get_topic_attributes(TopicArn=topic))
    s.let_in("sns", topic, dead)
    policy = json.dumps({"deadLetterTargetArn": s.arn(dead)})
    s.subscribe(topic, url, RawMessageDelivery=s.case.lower(), RedrivePolicy=policy)
    s.sqs.delete_queue(QueueUrl=url)
    answer = s.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=three_entries(tokens=True))
    s.match("publish-batch-response-fifo", answer)
    s.match("batch-messages-in-dlq", {"Messages": collect(s, dead, **EVERY)})
    answer = s.sns.publish(
        TopicArn=topic, Message="test-message", MessageGroupId="message-group-id-1",
        MessageDeduplicationId="message-deduplication-id-1",
    )  # fmt: skip
    s.match("publish-response-fifo", answer)
    s.match("messages-in-dlq", {"Messages": collect(s, dead, **EVERY)})


@scenario("sns", "test_publish_batch_messages_from_fifo_topic_to_fifo_queue[True]")
def ordered_batches(s: Stage) -> None:
    settings = {"ContentBasedDeduplication": "true"}
    topic, url = s.topic(FifoTopic="true", **settings), s.queue(FifoQueue="true", **settings)
    s.match("topic-attrs", s.sns.get_topic_attributes(TopicArn=topic))
    arn = s.subscribe(topic, url, RawMessageDelivery="true")
    s.match("sub-attrs-raw-true", s.sns.get_subscription_attributes(SubscriptionArn=arn))
    batch = {"TopicArn": topic, "PublishBatchRequestEntries": three_entries(tokens=False)}
    s.match("publish-batch-response-fifo", s.sns.publish_batch(**batch))
    s.match("messages", {"Messages": collect(s, url, **EVERY)})
    s.match("republish-batch-response-fifo", s.sns.publish_batch(**batch))
    s.match("duplicate-messages", s.receive(url, **EVERY))


@scenario("sns", "test_publish_to_fifo_topic_to_sqs_queue_no_content_dedup[False]")
def the_topic_makes_the_token(s: Stage) -> None:
    topic, url = s.topic(FifoTopic="true", ContentBasedDeduplication="true"), s.queue(FifoQueue="true")
    s.subscribe(topic, url)
    group = {"MessageGroupId": "message-group-id-1"}
    for _ in range(2):
        s.sns.publish(TopicArn=topic, Message="Test single", **group)
        entries = [{"Id": "1", "Message": "Test batched", **group}]
        s.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    messages = collect(s, url, **EVERY)
    messages.sort(key=lambda message: str(message["Attributes"]["MessageDeduplicationId"]))
    s.match("messages", {"Messages": messages})
