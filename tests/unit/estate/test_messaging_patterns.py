"""messaging-patterns: who may send where, what is filtered, and how long what is kept."""

from __future__ import annotations

import re

import pytest

DAY = 24 * 3600
TEMPLATES = ("sns-sqs.yaml", "eventbridge-sns.yaml", "eventbridge-sqs.yaml")


def only(system, name, kind, environment="prod"):
    (properties,) = system.resources(name, environment, kind).values()
    return properties


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_queue_and_topic_is_wired_and_answered_for(system, name):
    assert system("messaging-patterns").wiring(name) == set()


def test_the_queue_gets_orders_and_payments_and_nothing_else(system):
    subscription = only(system("messaging-patterns"), "sns-sqs.yaml", "AWS::SNS::Subscription")
    assert subscription["FilterPolicy"] == {"type": ["orders", "payments"]}
    assert subscription["FilterPolicyScope"] == "MessageAttributes"
    assert str(subscription["RawMessageDelivery"]).lower() == "true"


@pytest.mark.parametrize("name", ["eventbridge-sns.yaml", "eventbridge-sqs.yaml"])
def test_a_rule_takes_events_of_one_source_in_this_account(system, name):
    written = (
        system("messaging-patterns").resolved(name, "prod").expanded.tree["Resources"]["Rule"]["Properties"]
    )
    assert written["EventPattern"]["account"] == [{"Ref": "AWS::AccountId"}]
    resolved = only(system("messaging-patterns"), name, "AWS::Events::Rule")
    assert resolved["EventPattern"]["source"] == ["demo.cli"]
    assert len(resolved["Targets"]) <= 5


@pytest.mark.parametrize("name", ["eventbridge-sns.yaml", "eventbridge-sqs.yaml"])
def test_a_rule_tries_for_24_hours_and_then_parks_the_event(system, name):
    for target in only(system("messaging-patterns"), name, "AWS::Events::Rule")["Targets"]:
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == DAY
        assert "UndeliveredEvents" in str(target["DeadLetterConfig"]["Arn"])


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_queue_keeps_what_outlives_eventbridge(system, name):
    for queue in system("messaging-patterns").resources(name, "prod", "AWS::SQS::Queue").values():
        assert DAY < queue["MessageRetentionPeriod"] <= 14 * DAY


@pytest.mark.parametrize(
    ("name", "policy", "source"),
    [
        ("sns-sqs.yaml", "OrdersPolicy", {"Ref": "Topic"}),
        ("eventbridge-sns.yaml", "TopicPolicy", {"Fn::GetAtt": ["Rule", "Arn"]}),
        ("eventbridge-sqs.yaml", "EventsPolicy", {"Fn::GetAtt": ["Rule", "Arn"]}),
    ],
)
def test_the_policy_lets_one_source_in(system, name, policy, source):
    written = system("messaging-patterns").resolved(name, "prod").expanded.tree["Resources"][policy]
    allowed = [
        one for one in written["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"
    ]
    assert [one["Condition"] for one in allowed] == [{"ArnEquals": {"aws:SourceArn": source}}]
    assert all(list(one["Principal"]) == ["Service"] for one in allowed)


@pytest.mark.parametrize(
    ("name", "policy", "rule"),
    [
        ("sns-sqs.yaml", "OrdersPolicy", "SP-RES-SNS-SQS"),
        ("eventbridge-sns.yaml", "TopicPolicy", "SP-RES-EVENTS-TARGET"),
        ("eventbridge-sqs.yaml", "EventsPolicy", "SP-RES-EVENTS-TARGET"),
    ],
)
def test_a_missing_policy_is_refused(system, name, policy, rule):
    text = (system("messaging-patterns").folder / name).read_text(encoding="utf-8")
    block = re.search(rf"^  {policy}:\n(?:(?: {{3}}.*)?\n)+", text, re.MULTILINE)
    assert block is not None
    edits = [(name, block[0], "")]
    if f"DependsOn: {policy}" in text:
        edits.append((name, f"    DependsOn: {policy}\n", ""))
    broken = system("messaging-patterns", *edits)
    assert broken.rules() == set()
    assert rule in broken.wiring(name)


@pytest.mark.parametrize(
    ("name", "narrow", "wide", "rule"),
    [
        (
            "sns-sqs.yaml",
            "              Service: sns.amazonaws.com\n            Action: sqs:SendMessage\n"
            "            Resource: !GetAtt Orders.Arn\n            Condition:\n              ArnEquals:\n"
            "                aws:SourceArn: !Ref Topic\n",
            '              AWS: "*"\n            Action: sqs:SendMessage\n'
            "            Resource: !GetAtt Orders.Arn\n",
            "SQS_POLICY_NOT_PUBLIC",
        ),
        (
            "eventbridge-sqs.yaml",
            "            Resource: !GetAtt Events.Arn\n            Condition:\n              ArnEquals:\n"
            "                aws:SourceArn: !GetAtt Rule.Arn\n",
            "            Resource: !GetAtt Events.Arn\n",
            "SQS_POLICY_SERVICE_SCOPED",
        ),
        (
            "eventbridge-sns.yaml",
            "            Action: sns:Publish\n            Resource: !Ref Topic\n            Condition:\n"
            "              ArnEquals:\n                aws:SourceArn: !GetAtt Rule.Arn\n",
            "            Action: sns:Publish\n            Resource: !Ref Topic\n",
            "SNS_POLICY_SERVICE_SCOPED",
        ),
    ],
)
def test_a_policy_that_is_too_wide_is_refused(system, name, narrow, wide, rule):
    assert rule in system("messaging-patterns", (name, narrow, wide)).refused(name, "messaging")


def test_a_message_has_six_attempts_worth_of_time_before_it_is_seen_again(system):
    hasty = system("messaging-patterns", ("sns-sqs.yaml", "VisibilityTimeout: 180", "VisibilityTimeout: 60"))
    assert "SP-RES-VISIBILITY" in hasty.wiring("sns-sqs.yaml")


def test_a_queue_that_drops_its_failures_is_refused(system):
    redrive = (
        "      RedrivePolicy:\n"
        "        deadLetterTargetArn: !GetAtt FailedOrders.Arn\n"
        "        maxReceiveCount: 5\n"
    )
    broken = system("messaging-patterns", ("sns-sqs.yaml", redrive, ""))
    assert "SP-RES-DEAD-LETTERS" in broken.wiring("sns-sqs.yaml")
