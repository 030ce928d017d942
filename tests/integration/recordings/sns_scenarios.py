"""What was asked of SNS: topics, subscriptions, what is refused, phones and mobile applications."""

from __future__ import annotations

import json
from typing import Any

from stage import ACCOUNT, Stage, scenario

REGION = "us-east-1"
PHONE = "+1234567890"


def topic_attributes(s: Stage, arn: str) -> Any:
    return s.sns.get_topic_attributes(TopicArn=arn)


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def listed_tags(s: Stage, arn: str) -> Any:
    answer = s.sns.list_tags_for_resource(ResourceArn=arn)
    answer["Tags"].sort(key=lambda tag: str(tag["Key"]))
    return answer


# Topics.


@scenario("sns", "test_tags")
def tag_a_topic(s: Stage) -> None:
    arn = s.topic()
    twice = [*tags(k1="v1", k2="v2"), *tags(k2="v2")]
    s.match("duplicate-key-error", s.error(s.sns.tag_resource, ResourceArn=arn, Tags=twice))
    s.sns.tag_resource(ResourceArn=arn, Tags=tags(k1="v1", k2="v2"))
    s.match("list-created-tags", listed_tags(s, arn))
    s.sns.untag_resource(ResourceArn=arn, TagKeys=["k1"])
    s.match("list-after-delete-tags", listed_tags(s, arn))
    s.sns.tag_resource(ResourceArn=arn, Tags=tags(k2="v2b"))
    s.match("list-after-update-tags", listed_tags(s, arn))


@scenario("sns", "test_tags_removed_after_deletion")
def a_new_topic_has_no_old_tags(s: Stage) -> None:
    arn = s.topic("again")
    s.sns.tag_resource(ResourceArn=arn, Tags=tags(k1="v1", k2="v2"))
    s.match("list-created-tags", listed_tags(s, arn))
    s.sns.delete_topic(TopicArn=arn)
    s.topic("again")
    s.match("list-empty-tags", listed_tags(s, arn))


@scenario("sns", "test_delete_topic_idempotency")
def delete_a_topic_twice(s: Stage) -> None:
    arn = s.topic()
    for key in ("delete-topic", "delete-topic-again"):
        s.match(key, s.sns.delete_topic(TopicArn=arn))


@scenario("sns", "test_create_duplicate_topic_with_more_tags")
def create_again_with_more_tags(s: Stage) -> None:
    s.topic("tagged")
    s.match("exception-duplicate", s.error(s.sns.create_topic, Name="tagged", Tags=tags(key1="value1")))


@scenario("sns", "test_create_duplicate_topic_check_idempotency")
def create_again_with_fewer_tags(s: Stage) -> None:
    pair = tags(a="1", b="2")
    s.match("response-created", s.sns.create_topic(Name="tagged", Tags=pair))
    for number, fewer in enumerate((pair, pair[:1], [])):
        s.match(f"response-same-arn-{number}", s.sns.create_topic(Name="tagged", Tags=fewer))


@scenario("sns", "test_create_topic_after_delete_with_new_tags")
def create_after_deletion_with_other_tags(s: Stage) -> None:
    answer = s.sns.create_topic(Name="named", Tags=tags(Name="pqr"))
    s.match("topic-0", answer)
    s.sns.delete_topic(TopicArn=answer["TopicArn"])
    s.match("topic-1", s.sns.create_topic(Name="named", Tags=tags(Name="abc")))


@scenario("sns", "test_create_topic_different_attrs")
def create_again_with_other_attributes(s: Stage) -> None:
    def create(**attributes: str) -> dict[str, Any]:
        return {"Name": "displayed", "Attributes": attributes}

    answer = s.sns.create_topic(**create(DisplayName="Value1"))
    s.match("create-topic", answer)
    s.match("create-topic-no-attrs", s.sns.create_topic(Name="displayed"))
    s.match("topic-attrs", topic_attributes(s, answer["TopicArn"]))
    s.sns.create_topic(**create(DisplayName="Value1"))
    s.sns.create_topic(**create(FifoTopic="false"))
    refused = {
        "create-topic-diff-attrs": create(DisplayName="Value2"),
        "create-topic-new-attrs-fifo": create(FifoTopic="true"),
        "create-topic-new-attrs": create(SignatureVersion="2"),
        "create-topic-new-and-same-attrs": create(SignatureVersion="2", DisplayName="Value1"),
    }
    for key, params in refused.items():
        s.match(key, s.error(s.sns.create_topic, **params))


@scenario("sns", "test_create_topic_name_constraints")
def names_of_topics(s: Stage) -> None:
    s.match("valid-name-max-length", s.sns.create_topic(Name="a" * 256))
    refused = {"name-too-short": "", "name-too-long": "a" * 257, "name-contains-fifo": "test.fifo"}
    refused |= {f"name-invalid-char-{number}": f"bad{sign}name" for number, sign in enumerate(":;!@|^% ")}
    for key, name in refused.items():
        s.match(key, s.error(s.sns.create_topic, Name=name))
    plain = s.error(s.sns.create_topic, Name="test", Attributes={"FifoTopic": "true"})
    s.match("fifo-name-not-contains-fifo", plain)


@scenario("sns", "test_create_topic_in_multiple_regions")
def one_name_in_two_regions(s: Stage) -> None:
    clients = {"primary": s.sns, "secondary": s.backend.client("sns", region="eu-central-1")}
    created = {key: client.create_topic(Name="everywhere")["TopicArn"] for key, client in clients.items()}
    for key, client in clients.items():
        s.match(f"list-{key}", client.list_topics())
    for key, side in (("primary", "east"), ("secondary", "west")):
        s.match(f"topic-{side}", clients[key].get_topic_attributes(TopicArn=created[key]))


@scenario("sns", "test_topic_get_attributes_with_fifo_false")
def a_topic_that_is_not_fifo(s: Stage) -> None:
    arn = s.topic(FifoTopic="false")
    s.match("get-attrs-standard-topic", topic_attributes(s, arn))
    change = {"TopicArn": arn, "AttributeName": "FifoTopic", "AttributeValue": "false"}
    s.match("set-fifo-false-after-creation", s.error(s.sns.set_topic_attributes, **change))


@scenario("sns", "test_topic_delivery_policy_crud")
def delivery_policies(s: Stage) -> None:
    content = {"http": {"defaultRequestPolicy": {"headerContentType": "application/json"}}}
    arn = s.topic(
        "policies.fifo", DisplayName="TestTopic", SignatureVersion="2", FifoTopic="true",
        DeliveryPolicy=json.dumps(content),
    )  # fmt: skip
    s.match("get-topic-attrs", topic_attributes(s, arn))
    retries = {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}
    changes = (
        ("", "-after-update", json.dumps({"http": {"defaultHealthyRetryPolicy": retries}})),
        ("-none", "-after-none", json.dumps({"http": {"defaultHealthyRetryPolicy": None}})),
        ("-full-none", "-after-delete", ""),
    )
    for change, after, value in changes:
        params = {"TopicArn": arn, "AttributeName": "DeliveryPolicy", "AttributeValue": value}
        s.match(f"set-topic-attrs{change}", s.sns.set_topic_attributes(**params))
        s.match(f"get-topic-attrs{after}", topic_attributes(s, arn))


def permission(arn: str, label: str, *actions: str) -> dict[str, Any]:
    return {"TopicArn": arn, "Label": label, "AWSAccountId": [ACCOUNT], "ActionName": list(actions)}


@scenario("sns", "test_topic_add_permission", "test_topic_add_multiple_permissions")
def let_an_account_publish(s: Stage) -> None:
    arn = s.topic()
    actions = ("Publish", "Subscribe") if "multiple" in s.name else ("Publish",)
    s.match("add-permission-response", s.sns.add_permission(**permission(arn, "test", *actions)))
    s.match("topic-policy-after-permission", topic_attributes(s, arn)["Attributes"]["Policy"])


@scenario("sns", "test_add_permission_errors")
def permissions_that_are_refused(s: Stage) -> None:
    arn = s.topic()
    s.sns.add_permission(**permission(arn, "test", "Publish"))
    refused = {
        "duplicate-label": permission(arn, "test", "AddPermission"),
        "topic-not-found": permission(f"{arn}-none", "test-2", "AddPermission"),
        "invalid-action": permission(arn, "test-2", "InvalidAction"),
    }
    for key, params in refused.items():
        s.match(key, s.error(s.sns.add_permission, **params))


@scenario("sns", "test_remove_permission_errors")
def remove_from_a_topic_that_is_not_there(s: Stage) -> None:
    arn = s.topic()
    s.match("topic-not-found", s.error(s.sns.remove_permission, TopicArn=f"{arn}-none", Label="test"))


# Subscriptions.


def subscribe(s: Stage, topic: str, protocol: str, endpoint: str, **more: Any) -> dict[str, Any]:
    return {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint, **more}


def subscription_attributes(s: Stage, arn: str) -> Any:
    return s.sns.get_subscription_attributes(SubscriptionArn=arn)


@scenario("sns", "test_subscribe_with_invalid_protocol")
def an_unknown_protocol(s: Stage) -> None:
    s.match("exception", s.error(s.sns.subscribe, **subscribe(s, s.topic(), "test-protocol", "a@b.c")))


@scenario("sns", "test_unsubscribe_from_non_existing_subscription")
def unsubscribe_twice(s: Stage) -> None:
    arn = s.subscribe(s.topic(), s.queue())
    s.sns.unsubscribe(SubscriptionArn=arn)
    s.match("empty-unsubscribe", s.sns.unsubscribe(SubscriptionArn=arn))


@scenario("sns", "test_create_subscriptions_with_attributes")
def subscribe_with_attributes(s: Stage) -> None:
    params = subscribe(s, s.topic(), "sqs", s.arn(s.queue()), ReturnSubscriptionArn=True)

    def attributes(raw: str) -> dict[str, str]:
        return {"RawMessageDelivery": raw, "FilterPolicyScope": "MessageBody", "FilterPolicy": ""}

    s.match("subscribe-wrong-attr", s.error(s.sns.subscribe, **params, Attributes=attributes("wrongvalue")))
    answer = s.sns.subscribe(**params, Attributes=attributes("TrUe"))
    s.match("subscribe", answer)
    s.match("get-attrs", subscription_attributes(s, answer["SubscriptionArn"]))
    unknown = answer["SubscriptionArn"][:-8] + "00000000"
    s.match("get-attrs-nonexistent-sub", s.error(subscription_attributes, s=s, arn=unknown))


@scenario("sns", "test_not_found_error_on_set_subscription_attributes")
def change_a_subscription_that_is_gone(s: Stage) -> None:
    topic = s.topic()
    answer = s.sns.subscribe(**subscribe(s, topic, "sqs", s.arn(s.queue())))
    arn = answer["SubscriptionArn"]
    s.match("sub", answer)
    s.match("sub-attrs", subscription_attributes(s, arn))
    s.match("subscriptions-for-topic-before-unsub", s.sns.list_subscriptions_by_topic(TopicArn=topic))
    s.sns.unsubscribe(SubscriptionArn=arn)
    change = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    s.match("sub-not-found", s.error(s.sns.set_subscription_attributes, **change))
    s.match("subscriptions-for-topic-after-unsub", s.sns.list_subscriptions_by_topic(TopicArn=topic))


@scenario("sns", "test_sns_confirm_subscription_wrong_token")
def confirm_with_a_wrong_token(s: Stage) -> None:
    arn, token = s.topic(), "51b2ff3edb475b7d91550e0ab6edf0c1de2a34e6ebaf6c2262a001bcb7e051c4" * 4
    asked = {
        "topic-not-exists": (f"{arn[:-1]}z", token),
        "invalid-token": (arn, "randomtoken"),
        "token-not-exists": (arn, token),
    }
    for key, (topic, given) in asked.items():
        s.match(key, s.error(s.sns.confirm_subscription, TopicArn=topic, Token=given))


@scenario("sns", "test_list_subscriptions_by_topic_pagination")
def the_second_page(s: Stage) -> None:
    topic = s.topic()
    for number in range(101):
        s.sns.subscribe(**subscribe(s, topic, "sms", f"+12312312{number}"))
    first = s.sns.list_subscriptions_by_topic(TopicArn=topic)
    assert len(first["Subscriptions"]) == 100
    second = s.sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=first["NextToken"])
    s.match("list-sub-per-topic-page-2", second)


@scenario("sns", "test_subscribe_idempotency")
def subscribe_again(s: Stage) -> None:
    params = subscribe(s, s.topic(), "sqs", s.arn(s.queue()), ReturnSubscriptionArn=True)
    answer = s.sns.subscribe(**params, Attributes={"RawMessageDelivery": "True"})
    s.match("subscribe", answer)
    s.match("get-sub-attrs", subscription_attributes(s, answer["SubscriptionArn"]))
    raw, scope = {"RawMessageDelivery": "true"}, {"FilterPolicyScope": "MessageAttributes"}
    again: dict[str, dict[str, Any]] = {
        "subscribe-exact-same-raw": {"Attributes": raw},
        "subscribe-idempotent": {"Attributes": {**raw, **scope}},
        "subscribe-idempotent-no-attributes": {},
        "subscribe-idempotent-empty-attributes": {"Attributes": {}},
        "subscribe-missing-attributes": {"Attributes": scope},
    }
    for key, attributes in again.items():
        s.match(key, s.sns.subscribe(**params, **attributes))
    other = {"RawMessageDelivery": "false", "FilterPolicyScope": "MessageBody"}
    s.match("subscribe-diff-attributes", s.error(s.sns.subscribe, **params, Attributes=other))


@scenario("sns", "test_double_subscription")
def subscribe_twice(s: Stage) -> None:
    params = subscribe(s, s.topic("double-sub-befdfdff"), "sqs", s.arn(s.queue()))
    for key in ("double-subscription-first", "double-subscription-second"):
        s.match(key, s.sns.subscribe(**params))


@scenario("sns", "test_unsubscribe_wrong_arn_format")
def unsubscribe_by_no_arn(s: Stage) -> None:
    import boto3
    from botocore.config import Config

    unchecked = boto3.client("sns", region_name=REGION, config=Config(parameter_validation=False))
    wrong = ("randomstring", "arn:aws:sns:us-east-1:random", f"arn:aws:sns:us-east-1:{ACCOUNT}:random")
    for number, arn in enumerate(wrong, 1):
        s.match(f"invalid-unsubscribe-arn-{number}", s.error(unchecked.unsubscribe, SubscriptionArn=arn))
    s.match("invalid-unsubscribe-arn-4", s.error(unchecked.unsubscribe))


@scenario("sns", "test_subscribe_with_invalid_topic")
def subscribe_to_no_topic(s: Stage) -> None:
    wrong = {
        "invalid-subscribe-arn-1": "randomstring",
        "invalid-subscribe-arn-2": "arn:aws:sns:us-east-1:random",
        "non-existent-topic": s.topic() + "aaa",
    }
    for key, arn in wrong.items():
        s.match(key, s.error(s.sns.subscribe, **subscribe(s, arn, "email", "a@b.c")))


@scenario("sns", "test_subscribe_sms")
def subscribe_a_phone(s: Stage) -> None:
    s.match("subscribe-sms-1", s.sns.subscribe(**subscribe(s, s.topic(), "sms", PHONE)))


@scenario("sns", "test_subscribe_sms_obscure_phone_number")
def subscribe_an_odd_phone(s: Stage) -> None:
    s.match("subscribe-sms-2", s.sns.subscribe(**subscribe(s, s.topic(), "sms", "+12/34-567.890")))


@scenario("sns", "test_subscribe_unknown_topic")
def subscribe_to_an_unknown_topic(s: Stage) -> None:
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:unknown"
    s.match("subscribe-unknown-topic", s.error(s.sns.subscribe, **subscribe(s, arn, "sms", PHONE)))


@scenario("sns", "test_subscribe_unknown_sqs_queue")
def subscribe_an_unknown_queue(s: Stage) -> None:
    topic = s.topic()
    unknown = f"arn:aws:sqs:{REGION}:{ACCOUNT}:unknown"
    s.match("subscribe-unknown-sqs", s.sns.subscribe(**subscribe(s, topic, "sqs", unknown)))
    answer = s.error(s.sns.subscribe, **subscribe(s, topic, "sqs", "unknown"))
    s.match("subscribe-unknown-sqs-invalid_arn", answer)


@scenario("sns", "test_subscribe_bad_sms")
def subscribe_no_phone(s: Stage) -> None:
    s.match("subscribe-bad-sms", s.error(s.sns.subscribe, **subscribe(s, s.topic(), "sms", "invalid-number")))


@scenario("sns", "test_subscribe_invalid_sms")
def subscribe_malformed_phones(s: Stage) -> None:
    topic = s.topic()
    for number in ("+15--551234567", "NAA+15551234567", "+15551234567.", "/+15551234567"):
        answer = s.error(s.sns.subscribe, **subscribe(s, topic, "sms", number))
        s.match(f"subscribe-bad-sms-{number}", answer)


@scenario("sns", "test_unsubscribe_from_deleted_topic")
def unsubscribe_what_was_never_confirmed(s: Stage) -> None:
    topic = s.topic()
    arn = s.sns.subscribe(**subscribe(s, topic, "http", "http://example.com/"))["SubscriptionArn"]
    s.sns.delete_topic(TopicArn=topic)
    s.match("unsubscribe-deleted-topic", s.error(s.sns.unsubscribe, SubscriptionArn=arn))


@scenario("sns", "test_http_subscription_response")
def subscribe_a_web_page(s: Stage) -> None:
    topic = s.topic()
    s.match("topic-arn", {"TopicArn": topic})
    params = subscribe(s, topic, "http", "http://example.com")
    s.match("subscription", s.sns.subscribe(**params, ReturnSubscriptionArn=False))
    s.match("subscription-with-arn", s.sns.subscribe(**params, ReturnSubscriptionArn=True))


@scenario("sns", "test_subscribe_attributes")
def attributes_of_a_subscription(s: Stage) -> None:
    s.match("get-subscription-attributes", subscription_attributes(s, s.subscribe(s.topic(), s.queue())))


@scenario("sns", "test_creating_subscription_with_attributes")
def attributes_of_a_raw_subscription(s: Stage) -> None:
    arn = s.subscribe(s.topic(), s.queue(), RawMessageDelivery="true")
    s.match("subscription-with-attributes", subscription_attributes(s, arn))


@scenario("sns", "test_set_subscription_attributes")
def make_a_subscription_raw(s: Stage) -> None:
    arn = s.subscribe(s.topic(), s.queue())
    change = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    s.sns.set_subscription_attributes(**change)
    s.match("set-subscription-attributes", subscription_attributes(s, arn))


@scenario("sns", "test_get_subscription_attributes_error_not_exists")
def ask_for_a_subscription_that_is_not_there(s: Stage) -> None:
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:none:{s.world.ids.uuid()}"
    s.match("get-sub-attrs-nonexistent", s.error(subscription_attributes, s=s, arn=arn))


@scenario("sns", "test_cross_region_access")
def from_another_region(s: Stage) -> None:
    arn = s.topic()
    far = s.backend.client("sns", region="eu-central-1")
    asked: dict[str, tuple[Any, dict[str, Any]]] = {
        "get-topic-attrs": (far.get_topic_attributes, {}),
        "cross-region-publish-forbidden": (far.publish, {"Message": "m"}),
        "cross-region-subscribe": (far.subscribe, {"Protocol": "sms", "Endpoint": PHONE}),
        "list-subs": (far.list_subscriptions_by_topic, {}),
        "set-topic-attrs": (
            far.set_topic_attributes,
            {"AttributeName": "DisplayName", "AttributeValue": "d"},
        ),
        "delete-topic": (far.delete_topic, {}),
    }
    for key, (call, params) in asked.items():
        s.match(key, s.error(call, TopicArn=arn, **params))


@scenario("sns", "test_topic_publish_another_region")
def publish_from_another_region(s: Stage) -> None:
    arn = s.topic()
    far = s.backend.client("sns", region="eu-central-1")
    s.match("success", s.sns.publish(TopicArn=arn, Message="m"))
    s.match("error", s.error(far.publish, TopicArn=arn, Message="m"))
    entries = [{"Id": "1", "Message": "m"}]
    s.match("error-batch", s.error(far.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries))


# Phones.


@scenario("sns", "test_set_get_sms_attributes")
def sms_attributes(s: Stage) -> None:
    given = {"DeliveryStatusSuccessSamplingRate": "100", "DefaultSenderID": "LSTest"}
    s.sns.set_sms_attributes(attributes={**given, "DefaultSMSType": "Promotional"})
    s.match("get-sms-all-attributes", s.sns.get_sms_attributes())
    some = s.sns.get_sms_attributes(attributes=["DefaultSenderID", "DefaultSMSType"])
    s.match("get-sms-some-attributes", some)


@scenario("sns", "test_get_sms_attributes_from_unmodified_region")
def sms_attributes_that_nobody_set(s: Stage) -> None:
    s.match("get-sms-attributes_unmodified_region", s.sns.get_sms_attributes())


@scenario(
    "sns", *(f"test_set_invalid_sms_attributes[{case}]" for case in ("InvalidAttributeName", "NoLetterID"))
)
def sms_attributes_that_are_refused(s: Stage) -> None:
    wrong = {
        "InvalidAttributeName": ("InvalidAttribute", "invalid"),
        "NoLetterID": ("DefaultSendID", "123456789"),
    }
    name, value = wrong[s.case]
    s.match("invalid-attribute", s.error(s.sns.set_sms_attributes, attributes={name: value}))
