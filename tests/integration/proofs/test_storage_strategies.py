"""Objects and log lines that are drawn from a stack, held against its deployed wiring."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackproof.errors import UsageError
from stackproof.proofs.strategies import strategies

relaxed = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
NAME = "bucket-of-the-strategies"


def template():
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["Inbox", "Arn"]},
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{NAME}"}},
    }
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".json"}]
    target = {
        "Event": "s3:ObjectCreated:*",
        "Queue": {"Fn::GetAtt": ["Inbox", "Arn"]},
        "Filter": {"S3Key": {"Rules": rules}},
    }
    transformation = {"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}
    group = {"LogGroupName": {"Ref": "Group"}, "MetricTransformations": [transformation]}
    return {
        "Resources": {
            "Inbox": {"Type": "AWS::SQS::Queue"},
            "Policy": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {"Queues": [{"Ref": "Inbox"}], "PolicyDocument": {"Statement": [allowed]}},
            },
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "DependsOn": "Policy",
                "Properties": {
                    "BucketName": NAME,
                    "NotificationConfiguration": {"QueueConfigurations": [target]},
                },
            },
            "Plain": {"Type": "AWS::S3::Bucket"},
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/app"}},
            "Errors": {
                "Type": "AWS::Logs::MetricFilter",
                "Properties": {**group, "FilterPattern": '{ $.level = "ERROR" && $.code >= 500 }'},
            },
            "All": {"Type": "AWS::Logs::MetricFilter", "Properties": {**group, "FilterPattern": ""}},
        }
    }


@pytest.fixture
def made(stack, fabric, aws):
    found = stack(template())
    fabric.run_until_idle()
    aws.sqs.purge_queue(QueueUrl=found.queue("Inbox"))
    fabric.advance(60)
    return found


def told(made, fabric, aws):
    fabric.run_until_idle()
    url = made.queue("Inbox")
    messages = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"])["Records"][0] for message in messages]


def test_objects_are_told_of_or_not_as_they_were_drawn(made, fabric, aws):
    @relaxed
    @given(st.data())
    def check(data):
        draw = strategies(made)
        stray = data.draw(draw.stray_puts("Bucket"))
        aws.s3.put_object(**stray)
        assert told(made, fabric, aws) == []
        put = data.draw(draw.puts("Bucket"))
        aws.s3.put_object(**put)
        (record,) = told(made, fabric, aws)
        assert record["s3"]["object"]["size"] == len(put["Body"])

    check()


def test_lines_are_counted_or_not_as_they_were_drawn(made, aws):
    @relaxed
    @given(st.data())
    def check(data):
        draw = strategies(made)
        line, stray = data.draw(draw.lines("Errors")), data.draw(draw.stray_lines("Errors"))
        pattern = made["Errors"].properties["FilterPattern"]
        lines = [one for one in (line, stray) if one]
        found = aws.logs.test_metric_filter(filterPattern=pattern, logEventMessages=lines)["matches"]
        assert [one["eventMessage"] for one in found] == [line]

    check()


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("puts", "Plain", "has no notification"),
        ("stray_lines", "All", "takes every line"),
        ("lines", "Bucket", "is AWS::S3::Bucket"),
    ],
)
def test_what_cannot_be_drawn_is_said(method, name, message, made):
    with pytest.raises(UsageError, match=message):
        getattr(strategies(made), method)(name)
