"""What the strategies of a stack draw, held against the deployed wiring and Powertools' models."""

from __future__ import annotations

import json

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamModel,
    KinesisDataStreamModel,
    SnsModel,
    SqsModel,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackproof.errors import UsageError
from stackproof.proofs.strategies import strategies

relaxed = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

POLICY = {
    "kind": ["order", {"prefix": "re"}],
    "amount": [{"numeric": [">=", 10, "<", 1000]}],
    "test": [{"exists": False}],
    "where": [{"anything-but": ["moon"]}],
}
BODY_POLICY = {
    "order": {"kind": ["new", {"wildcard": "upd*te"}], "paid": [True]},
    "$or": [{"a": [1]}, {"b": [None]}],
}
HANDLER = "def handler(event, context):\n    return None\n"


def subscription(policy, scope="MessageAttributes"):
    return {
        "Type": "AWS::SNS::Subscription",
        "Properties": {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "sqs",
            "Endpoint": {"Fn::GetAtt": ["Inbox", "Arn"]},
            "RawMessageDelivery": True,
            "FilterPolicy": policy,
            "FilterPolicyScope": scope,
        },
    }


def a_function():
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": HANDLER},
    }
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
    }


def template(policy=POLICY, scope="MessageAttributes"):
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    return {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Inbox": {"Type": "AWS::SQS::Queue"},
            "Allow": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [{"Ref": "Inbox"}],
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow]},
                },
            },
            "Subscription": subscription(policy, scope),
        }
    }


def arrived(aws, fabric, url):
    fabric.run_until_idle()
    count = 0
    while True:
        found = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not found:
            return count
        for message in found:
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        count += len(found)


@pytest.mark.parametrize(("policy", "scope"), [(POLICY, "MessageAttributes"), (BODY_POLICY, "MessageBody")])
def test_matching_publications_arrive_and_missing_ones_do_not(stack, aws, fabric, policy, scope):
    made = stack(template(policy, scope))
    drawn = strategies(made)

    @relaxed
    @given(hit=drawn.matching("Subscription"), miss=drawn.missing("Subscription"))
    def holds(hit, miss):
        aws.sns.publish(**hit)
        assert arrived(aws, fabric, made.queue("Inbox")) == 1
        aws.sns.publish(**miss)
        assert arrived(aws, fabric, made.queue("Inbox")) == 0

    holds()


def test_a_subscription_without_a_policy_cannot_be_missed(stack):
    plain = template()
    del plain["Resources"]["Subscription"]["Properties"]["FilterPolicy"]
    made = stack(plain)
    with pytest.raises(UsageError, match="nothing misses it"):
        strategies(made).missing("Subscription")


def test_messages_pass_the_filter_of_the_queues_mapping(stack, aws, fabric):
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
            "FilterCriteria": {
                "Filters": [{"Pattern": json.dumps({"body": {"kind": [{"prefix": "order"}]}})}]
            },
        },
    }
    resources = {**a_function(), "Queue": {"Type": "AWS::SQS::Queue"}, "Mapping": mapping}
    made = stack({"Resources": resources})

    @relaxed
    @given(message=strategies(made).messages("Queue"))
    def holds(message):
        before = fabric.journal.counts["lambda.Run", made.function("Function")]
        aws.sqs.send_message(**message)
        fabric.run_until_idle()
        assert fabric.journal.counts["lambda.Run", made.function("Function")] == before + 1

    holds()


def test_a_queue_takes_near_messages_and_fifo_messages(stack, aws):
    fifo = {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}}
    made = stack({"Resources": {"Plain": {"Type": "AWS::SQS::Queue"}, "Fifo": fifo}})
    drawn = strategies(made)

    @relaxed
    @given(near=drawn.near_messages("Plain", body=st.just({"id": 1})), ordered=drawn.messages("Fifo"))
    def holds(near, ordered):
        assert aws.sqs.send_message(**near)["MessageId"]
        assert aws.sqs.send_message(**ordered)["SequenceNumber"]
        assert near["MessageBody"] != '{"id": 1}'

    holds()


def test_items_have_the_keys_of_table_and_index(stack, aws):
    properties = {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "at", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
            {"AttributeName": "who", "AttributeType": "B"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-who",
                "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }
    made = stack({"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}})

    @relaxed
    @given(item=strategies(made).items("Table", id=st.just({"S": "fixed"})))
    def holds(item):
        aws.dynamodb.put_item(**item)
        key = {"id": {"S": "fixed"}, "at": item["Item"]["at"]}
        assert aws.dynamodb.get_item(TableName=made.table("Table"), Key=key)["Item"] == item["Item"]

    holds()


TRIGGERED = {
    **a_function(),
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
    "Table": {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        },
    },
}


def trigger(name):
    if name == "Topic":
        properties = {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "lambda",
            "Endpoint": {"Fn::GetAtt": ["Function", "Arn"]},
        }
        return {"Type": "AWS::SNS::Subscription", "Properties": properties}
    attribute = "StreamArn" if name == "Table" else "Arn"
    properties = {"FunctionName": {"Ref": "Function"}, "EventSourceArn": {"Fn::GetAtt": [name, attribute]}}
    if name in ("Table", "Stream"):
        properties["StartingPosition"] = "TRIM_HORIZON"
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


@pytest.mark.parametrize(
    ("source", "model"),
    [
        ("Queue", SqsModel),
        ("Topic", SnsModel),
        ("Table", DynamoDBStreamModel),
        ("Stream", KinesisDataStreamModel),
    ],
)
def test_events_fit_powertools_models_and_near_events_differ_in_one_thing(stack, source, model):
    made = stack({"Resources": {**TRIGGERED, "Trigger": trigger(source)}})
    drawn = strategies(made)

    @relaxed
    @given(event=drawn.events("Function"), near=drawn.near_events("Function"))
    def holds(event, near):
        assert model.model_validate(event).Records
        assert isinstance(near["Records"], list)

    holds()


def test_a_function_without_a_trigger_has_no_events(stack):
    made = stack({"Resources": a_function()})
    with pytest.raises(UsageError, match="'Function' has no trigger"):
        strategies(made).events("Function")
