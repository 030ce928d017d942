"""What was asked of SNS's filter policies: what they let pass, and which are refused."""

from __future__ import annotations

import json
from typing import Any

from sns_delivery_scenarios import EVERY, collect, number
from stage import Stage, scenario

SOURCE = "sns-filter-policy"
PHONE = "+123123123"


def change(arn: str, name: str, value: Any) -> dict[str, str]:
    text = value if isinstance(value, str) else json.dumps(value)
    return {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": text}


def attributes(s: Stage, arn: str) -> Any:
    return s.sns.get_subscription_attributes(SubscriptionArn=arn)


def filtered(s: Stage, scope: str, policy: Any, topic: str = "") -> tuple[str, str, str]:
    """(topic, queue, subscription) with a filter and raw delivery."""
    topic, url = topic or s.topic(), s.queue()
    arn = s.subscribe(topic, url)
    settings = (("FilterPolicyScope", scope), ("FilterPolicy", policy), ("RawMessageDelivery", "true"))
    for name, value in settings:
        s.sns.set_subscription_attributes(**change(arn, name, value))
    return topic, url, arn


@scenario(SOURCE, "test_set_subscription_filter_policy_scope")
def the_scope_shows_with_a_policy(s: Stage) -> None:
    arn = s.subscribe(s.topic(), s.queue())
    s.match("sub-attrs-default", attributes(s, arn))
    s.sns.set_subscription_attributes(**change(arn, "FilterPolicyScope", "MessageBody"))
    s.match("sub-attrs-filter-scope-body", attributes(s, arn))
    wrong = change(arn, "FilterPolicyScope", "RandomValue")
    s.match("sub-attrs-filter-scope-error", s.error(s.sns.set_subscription_attributes, **wrong))
    s.sns.set_subscription_attributes(**change(arn, "FilterPolicy", {"attr": ["match-this"]}))
    s.match("sub-attrs-after-setting-policy", attributes(s, arn))


@scenario(SOURCE, "test_sub_filter_policy_nested_property_constraints")
def policies_that_are_too_large(s: Stage) -> None:
    arn = s.subscribe(s.topic(), s.queue())
    s.sns.set_subscription_attributes(**change(arn, "FilterPolicyScope", "MessageBody"))

    def values(count: int) -> list[str]:
        return [f"value_{index}" for index in range(count)]

    refused: dict[str, Any] = {
        "nested-error-too-many-combinations": {
            "key_a": {"key_b": {"key_c": values(4)}}, "key_d": {"key_e": values(3)}, "key_f": values(3),
        },
        "max-attr-keys": {f"key_{index}": values(1) for index in range(6)},
        "rule-no-list": {"key_a": "value_one"},
    }  # fmt: skip
    for key, policy in refused.items():
        answer = s.error(s.sns.set_subscription_attributes, **change(arn, "FilterPolicy", policy))
        s.match(f"sub-filter-policy-{key}", answer)


@scenario(SOURCE, "test_exists_filter_policy")
def an_attribute_that_is_there_or_not(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    arn = s.subscribe(topic, url)
    ninety_nine = number("99")
    both, other = {"store": ninety_nine, "def": ninety_nine}, {"def": ninety_nine}
    for part, (exists, publications) in enumerate(
        ((True, (both, {"attr1": number("111")})), (False, (other, both))), 1
    ):
        s.sns.set_subscription_attributes(**change(arn, "FilterPolicy", {"store": [{"exists": exists}]}))
        s.match(f"subscription-attributes-policy-{part}", attributes(s, arn))
        if exists:
            s.match("messages-0", s.receive(url, VisibilityTimeout=0))
        for index, given in enumerate(publications, 2 * part - 1):
            s.sns.publish(TopicArn=topic, Message=f"message-{index}", MessageAttributes=given)
            answer = s.receive(url, VisibilityTimeout=0)
            s.match(f"messages-{index}", answer)
        s.delete(url, answer)


@scenario(SOURCE, "test_exists_filter_policy_attributes_array")
def an_array_in_an_attribute(s: Stage) -> None:
    topic, url, arn = filtered(s, "MessageAttributes", {"store": ["value1"]})
    s.match("subscription-attributes-policy", attributes(s, arn))
    s.match("messages-init", s.receive(url))
    stores = (
        ("String", "value1"),
        ("String.Array", json.dumps(["value1", "value2"])),
        ("String.Array", json.dumps(["value2", "value3"])),
    )
    for index, (kind, text) in enumerate(stores, 1):
        given = {"store": {"DataType": kind, "StringValue": text}}
        s.sns.publish(TopicArn=topic, Message=f"message-{index}", MessageAttributes=given)
        answer = s.receive(url)
        s.match(f"messages-{index}", answer)
        s.delete(url, answer)


@scenario(SOURCE, "test_filter_policy_on_message_body[False]")
def a_policy_on_the_body(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    arn = s.subscribe(topic, url)
    policy = {
        "object": {"key": [{"prefix": "auto-"}, "hardcodedvalue"], "nested_key": [{"exists": False}]},
        "test": [{"exists": False}],
    }
    s.sns.set_subscription_attributes(**change(arn, "FilterPolicyScope", "MessageBody"))
    s.sns.set_subscription_attributes(**change(arn, "FilterPolicy", policy))
    s.match("recv-init", s.receive(url))
    for index, value in enumerate(("auto-test", "hardcodedvalue")):
        s.sns.publish(TopicArn=topic, Message=json.dumps({"object": {"key": value}}))
        answer = s.receive(url)
        s.match(f"recv-passed-msg-{index}", answer)
        s.delete(url, answer)
    stopped: tuple[Any, ...] = (
        {"object": {"key": "test-auto"}}, {"object": {"key": "auto-test"}, "test": "exists"},
        {"object": {"key": "auto-test", "nested_key": "exists"}}, {"object": {"test": "auto-test"}},
        {"test": "auto-test"}, "a string",
    )  # fmt: skip
    for body in stopped:
        s.sns.publish(TopicArn=topic, Message=json.dumps(body))
    s.sns.publish(TopicArn=topic, Message="no JSON at all")
    assert "Messages" not in s.receive(url)


@scenario(SOURCE, "test_filter_policy_on_message_body_array_attributes")
def an_array_in_the_body(s: Stage) -> None:
    topic = s.topic()
    queues = [
        filtered(s, "MessageBody", {"headers": {"route-to": [name]}}, topic)[1]
        for name in ("queue1", "queue2")
    ]
    for routes in (["queue3"], ["queue1"], ["queue2"], ["queue1", "queue2"]):
        s.sns.publish(TopicArn=topic, Message=json.dumps({"headers": {"route-to": routes}}))
    for index, url in enumerate(queues):
        messages = sorted(collect(s, url, **EVERY), key=lambda message: str(message["Body"]))
        s.match(f"messages-queue-{index}", {"Messages": messages})


@scenario(SOURCE, "test_filter_policy_empty_array_payload")
def an_empty_array_beside(s: Stage) -> None:
    topic, url, _ = filtered(s, "MessageBody", {"detail": {"eventVersion": [""]}})
    body = {
        "version": "0", "id": s.world.ids.uuid(), "detail-type": "EC2 Instance Launch Successful",
        "source": "aws.autoscaling", "account": "123456789012", "time": "2015-11-11T21:31:47Z",
        "region": "my-region", "resources": [], "detail": {"eventVersion": "", "responseElements": None},
    }  # fmt: skip
    s.sns.publish(TopicArn=topic, Message=json.dumps(body))
    s.match("messages-queue", {"Messages": collect(s, url, **EVERY)})


@scenario(SOURCE, "test_filter_policy_ip_address_condition")
def addresses(s: Stage) -> None:
    either = [
        {"sourceIPAddress": [{"cidr": "10.0.0.0/24"}]},
        {"sourceIPAddressV6": [{"cidr": "2001:db8:1234:1a00::/64"}]},
    ]
    topic, url, _ = filtered(s, "MessageBody", {"detail": {"$or": either}})
    details = (
        {"sourceIPAddress": "10.0.0.255"}, {"sourceIPAddress": "10.0.0.256"},
        {"sourceIPAddressV6": "2001:0db8:1234:1a00:0000:0000:0000:0000"},
        {"sourceIPAddressV6": "2001:0db8:123f:1a01:0000:0000:0000:0000"},
    )  # fmt: skip
    for index, detail in enumerate(details, 1):
        body = {
            "id": str(index), "source": "test-source", "detail-type": "test-detail-type",
            "account": "123456789012", "region": "my-region", "time": "2022-07-13T13:48:01Z",
            "detail": detail,
        }  # fmt: skip
        s.sns.publish(TopicArn=topic, Message=json.dumps(body))
    messages = sorted(collect(s, url, **EVERY), key=lambda message: str(message["Body"]))
    s.match("messages-queue", {"Messages": messages})


# What is refused.


def refusals(s: Stage, policies: dict[str, Any], *, normalized: bool = True, scope: str = "") -> None:
    """Subscribe with each policy; the recordings repeat the first line of the message as ``_normalized``."""
    topic = s.topic()
    for key, policy in policies.items():
        settings = {"FilterPolicy": json.dumps(policy)}
        if scope:
            settings["FilterPolicyScope"] = scope
        answer = s.error(s.sns.subscribe, TopicArn=topic, Protocol="sms", Endpoint=PHONE, Attributes=settings)
        if normalized:
            answer["Error"]["_normalized"] = answer["Error"]["Message"].split("\n")[0]
        s.match(key, answer)


def condition(value: Any) -> dict[str, Any]:
    return {"key": [value]}


@scenario(SOURCE, "test_validate_policy")
def conditions_that_are_none(s: Stage) -> None:
    wrong = {
        "list": ["value"], "operator": {"wrong-operator": True},
        "two-operators": {"suffix": "value", "prefix": "value2"},
    }  # fmt: skip
    refusals(s, {f"error-condition-{key}": condition(value) for key, value in wrong.items()})


@scenario(SOURCE, "test_validate_policy_exists_operator")
def exists_is_a_boolean(s: Stage) -> None:
    wrong = {"none": None, "string": "no"}
    refusals(s, {f"error-condition-{key}": condition({"exists": value}) for key, value in wrong.items()})


@scenario(SOURCE, "test_validate_policy_nested_anything_but_operator")
def what_anything_but_takes(s: Stage) -> None:
    wrong = {
        "wrong-operator": {"wrong-operator": None}, "anything-but-suffix": {"suffix": "test"},
        "anything-but-exists": {"exists": False}, "anything-but-prefix-wrong-type": {"prefix": False},
    }  # fmt: skip
    refusals(
        s, {f"error-condition-{key}": condition({"anything-but": value}) for key, value in wrong.items()}
    )
    topic, url = s.topic(), s.queue()
    for policy in ({"prefix": "test-"}, ["test", "test2"], "test"):
        settings = {"FilterPolicy": json.dumps(condition({"anything-but": policy}))}
        arn = s.subscribe(topic, url, **settings)
        s.sns.unsubscribe(SubscriptionArn=arn)


@scenario(SOURCE, "test_validate_policy_string_operators")
def operands_that_are_no_strings(s: Stage) -> None:
    wrong: dict[str, Any] = {
        "empty-array": {"key": []},
        "is-numeric": condition({"suffix": 100}),
        "is-none": condition({"suffix": None}),
        "is-not-list-and-operator": {"key": {"suffix": "value"}},
        "empty-list": condition({"suffix": []}),
        "list-wrong-type": condition({"suffix": ["test", "test2"]}),
        "is-not-list-two-ops": {"key": {"suffix": "value", "prefix": "value"}},
        "is-not-list-and-no-operator": {"key": {"not-an-operator": "value"}},
        "bad-type": condition({"cidr": ["bad-filter"]}),
        "bad-cidr-str": condition({"cidr": "bad-filter"}),
        "bad-cidr-str-slash": condition({"cidr": "bad-filter/64"}),
        "bad-cidr-str-slash-2": condition({"cidr": "bad-/64filter"}),
        "bad-cidr-v4": condition({"cidr": "xx.11.xx/8"}),
        "bad-cidr-v6": condition({"cidr": "xxxx:db8:1234:1a00::/64"}),
    }
    refusals(s, {f"error-condition-{key}": policy for key, policy in wrong.items()})


@scenario(SOURCE, "test_policy_complexity")
def policies_that_are_too_complex(s: Stage) -> None:
    def values(count: int) -> list[str]:
        return [f"value{index}" for index in range(count)]

    wrong: dict[str, Any] = {
        "in-one-condition": {"key": values(151)},
        "in-two-conditions": {"key1": values(100), "key2": values(51)},
        "too-many-fields": {f"key{index}": values(1) for index in range(6)},
    }
    refusals(s, {f"error-complexity-{key}": policy for key, policy in wrong.items()}, normalized=False)


@scenario(SOURCE, "test_policy_complexity_with_or")
def alternatives_add_up(s: Stage) -> None:
    def policy(sources: int, spaces: int) -> dict[str, Any]:
        inner = [{"metricId": [1, 2, 3, 4]}, {"spaceId": list(range(spaces))}]
        types = {"metricType": ["a", "b", "c", "d"], "$or": inner}
        names = {"metricName": ["a", "b", "c", "d", "e", "f"]}
        return {"source": [f"source{index}" for index in range(sources)], "$or": [names, types]}

    nested = {
        "$or": [{"metricName": ["a", "b", "c"]}, {"namespace": ["a", "b"]}],
        "detail": {"scope": ["a", "b"], "$or": [{"source": ["a"]}, {"type": ["a", "b", "c"]}]},
    }
    refusals(s, {"error-complexity-or-flat": policy(4, 4)}, normalized=False, scope="MessageAttributes")
    refusals(s, {"error-complexity-or-nested": nested}, normalized=False, scope="MessageBody")
    s.subscribe(s.topic(), s.queue(), FilterPolicy=json.dumps(policy(3, 7)))
