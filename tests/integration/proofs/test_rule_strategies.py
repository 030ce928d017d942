"""What is drawn for a rule goes through the deployed rule, or is stopped by it."""

from __future__ import annotations

import json

import pytest
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackproof.errors import UsageError
from stackproof.proofs.strategies import strategies

relaxed = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
PATTERN = {
    "account": ["123456789012"],
    "source": [{"prefix": "shop."}],
    "detail-type": ["Order placed", {"wildcard": "Order *"}],
    "resources": ["arn:aws:s3:::orders"],
    "detail": {"total": [{"numeric": [">", 0, "<=", 500]}], "test": [{"exists": False}]},
}


def template(pattern, **target):
    aim = {"Id": "queue", "Arn": {"Fn::GetAtt": ["Inbox", "Arn"]}, **target}
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "orders"}}
    rule = {"EventBusName": {"Ref": "Bus"}, "EventPattern": pattern, "Targets": [aim]}
    return {
        "Resources": {
            "Bus": bus,
            "Inbox": {"Type": "AWS::SQS::Queue"},
            "LetIn": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [{"Ref": "Inbox"}],
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"Service": "events.amazonaws.com"},
                                "Action": "sqs:SendMessage",
                                "Resource": {"Fn::GetAtt": ["Inbox", "Arn"]},
                            }
                        ],
                    },
                },
            },
            "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
        }
    }


PATTERNS = [
    PATTERN,
    {"$or": [{"source": ["a"]}, {"detail": {"n": [1, 2]}}]},
    {"detail": {"state": {"from": ["old"], "to": [{"anything-but": ["old"]}]}}},
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_matches_arrives_and_what_misses_does_not(stack, aws, fabric, look, pattern):
    made = stack(template(pattern))
    drawn = strategies(made)

    @relaxed
    @given(drawn.matching("Rule"), drawn.missing("Rule"))
    def hold(right, wrong):
        for call, count in ((right, 1), (wrong, 0)):
            assert aws("events").put_events(**call)["FailedEntryCount"] == 0
            fabric.run_until_idle()
            assert len(look(made.queue("Inbox"))) == count

    hold()


@pytest.fixture
def look(aws):
    def take(queue):
        found = aws("sqs").receive_message(QueueUrl=queue).get("Messages", [])
        for message in found:
            aws("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    return take


def test_a_detail_can_be_given(stack):
    drawn = strategies(stack(template(PATTERN)))

    @relaxed
    @given(drawn.matching("Rule", st.just({"order": "7"})))
    def hold(call):
        detail = json.loads(call["Entries"][0]["Detail"])
        assert detail["order"] == "7"
        assert 0 < detail["total"] <= 500

    hold()


def test_what_has_no_field_of_its_own_cannot_be_missed(stack):
    drawn = strategies(stack(template({"account": ["123456789012"]})))
    with pytest.raises(UsageError, match="nothing misses it"):
        drawn.missing("Rule")


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: "def handler(event, context): return None"
      Events:
        Orders: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}}}
"""


def test_a_function_behind_a_rule_gets_events_of_eventbridge(stack):
    drawn = strategies(stack(SAM))

    @relaxed
    @given(drawn.events("Worker"), drawn.near_events("Worker"))
    def hold(event, near):
        assert EventBridgeModel.model_validate(event).source == "shop"
        assert near != event

    hold()
