"""A table whose changes flow through Kinesis into a function, deployed as a template."""

from __future__ import annotations

import json

import pytest

KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
TEXT = [{"AttributeName": "id", "AttributeType": "S"}]


def shard(name):
    return {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": name, "ShardCount": 1}}


STREAMS = {"Old": shard("old"), "New": shard("new")}


def to(logical_id, **more):
    return {"StreamArn": {"Fn::GetAtt": [logical_id, "Arn"]}, **more}


def table(**more):
    return {"BillingMode": "PAY_PER_REQUEST", "KeySchema": KEYS, "AttributeDefinitions": TEXT, **more}


def destinations(aws, made):
    found = aws.dynamodb.describe_kinesis_streaming_destination(TableName=made.table("It"))
    return [
        (
            one["StreamArn"].rpartition("/")[2],
            one["DestinationStatus"],
            one["ApproximateCreationDateTimePrecision"],
        )
        for one in found["KinesisDataStreamDestinations"]
    ]


APP = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Changes: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 2}}
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KinesisStreamSpecification: {StreamArn: !GetAtt Changes.Arn}
  Seen: {Type: AWS::SQS::Queue}
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Environment: {Variables: {QUEUE: !Ref Seen}}
      Policies: [{SQSSendMessagePolicy: {QueueName: !GetAtt Seen.QueueName}}]
      InlineCode: |
        import base64, json, os
        import boto3

        sqs = boto3.client("sqs")

        def handler(event, context):
            for record in event["Records"]:
                change = json.loads(base64.b64decode(record["kinesis"]["data"]))
                body = {"name": change["eventName"], "new": change["dynamodb"].get("NewImage"),
                        "table": change["tableName"]}
                sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(body))
      Events:
        Changed:
          Type: Kinesis
          Properties: {Stream: !GetAtt Changes.Arn, StartingPosition: TRIM_HORIZON, BatchSize: 10}
"""


def run(stack, fabric, aws):
    made = stack(APP)
    assert made["Orders"].verdict.left_out == ()
    name = made.table("Orders")
    for total in ("1", "2"):
        aws.dynamodb.put_item(TableName=name, Item={"id": {"S": "o"}, "total": {"N": total}})
    fabric.run_until_idle()
    found = aws.sqs.receive_message(QueueUrl=made.queue("Seen"), MaxNumberOfMessages=10)["Messages"]
    return name, [json.loads(message["Body"]) for message in found]


def test_changes_of_a_table_reach_a_function_over_kinesis(stack, fabric, aws):
    name, bodies = run(stack, fabric, aws)
    assert bodies == [
        {"name": event, "new": {"id": {"S": "o"}, "total": {"N": total}}, "table": name}
        for event, total in (("INSERT", "1"), ("MODIFY", "2"))
    ]
    assert [
        entry.target for entry in fabric.journal if entry.actor == name and entry.verb == "kinesis.PutRecord"
    ]


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"])
def test_another_stream_another_precision_and_none(stack, aws, kind):
    def template(wanted):
        more = {"KinesisStreamSpecification": wanted} if wanted else {}
        if kind.endswith("GlobalTable"):
            more = {"Replicas": [{"Region": "us-east-1", **more}]}
        return {"Resources": {**STREAMS, "It": {"Type": kind, "Properties": table(**more)}}}

    made = stack(template(to("Old")))
    assert made["It"].verdict.left_out == ()
    assert destinations(aws, made) == [("old", "ACTIVE", "MICROSECOND")]
    made.update(template(to("Old", ApproximateCreationDateTimePrecision="MILLISECOND")))
    assert destinations(aws, made) == [("old", "ACTIVE", "MILLISECOND")]
    made.update(template(to("New")))
    assert destinations(aws, made) == [("old", "DISABLED", "MILLISECOND"), ("new", "ACTIVE", "MICROSECOND")]
    made.update(template(None))
    assert {status for _, status, _ in destinations(aws, made)} == {"DISABLED"}
