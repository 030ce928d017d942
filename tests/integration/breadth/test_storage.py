"""S3 notifications, logs and Firehose by deployed templates."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

NOTIFIED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Heard: {Type: AWS::SQS::Queue}
  Queue: {Type: AWS::SQS::Queue}
  Told: {Type: AWS::SQS::Queue}
  Ruled: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic}
  Letters:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue, !Ref Told, !Ref Ruled]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: sqs:SendMessage
            Resource: '*'
            Principal: {Service: [s3.amazonaws.com, sns.amazonaws.com, events.amazonaws.com]}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Statement:
          - {Effect: Allow, Action: sns:Publish, Resource: !Ref Topic, Principal: {Service: s3.amazonaws.com}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Told.Arn, RawMessageDelivery: true}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.s3]
        detail-type: [Object Created]
        detail: {object: {key: [{suffix: .csv}]}}
      Targets: [{Id: q, Arn: !GetAtt Ruled.Arn, InputPath: $.detail.object.key}]
  Bucket:
    Type: AWS::S3::Bucket
    DependsOn: [Letters, TopicPolicy]
    Properties:
      BucketName: notified-of-the-test
      NotificationConfiguration:
        EventBridgeConfiguration: {EventBridgeEnabled: true}
        QueueConfigurations:
          - Event: s3:ObjectCreated:*
            Queue: !GetAtt Queue.Arn
            Filter: {S3Key: {Rules: [{Name: prefix, Value: queue/}]}}
        TopicConfigurations:
          - Event: s3:ObjectRemoved:*
            Topic: !Ref Topic
            Filter: {S3Key: {Rules: [{Name: suffix, Value: .txt}]}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Policies: [SQSSendMessagePolicy: {QueueName: !GetAtt Heard.QueueName}]
      Environment: {Variables: {HEARD: !Ref Heard}}
      InlineCode: |
        import boto3, os
        def handler(event, context):
            for record in event["Records"]:
                key = record["s3"]["object"]["key"]
                boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody=key)
      Events:
        Upload:
          Type: S3
          Properties:
            Bucket: !Ref Bucket
            Events: s3:ObjectCreated:*
            Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .txt}]}}
"""


def keys(bodies: list[Any]) -> list[str]:
    """The keys of S3's own messages; the test message of a new configuration has none."""
    return [one["s3"]["object"]["key"] for body in bodies for one in body.get("Records", [])]


def test_a_bucket_tells_functions_queues_topics_and_the_bus(stack: Any, aws: Any, taken: Any) -> None:
    made = stack(NOTIFIED, require="emulated")
    bucket = made.bucket("Bucket")
    for key in ("in/a.txt", "in/a.csv", "queue/b.txt", "a.txt"):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    aws.s3.delete_object(Bucket=bucket, Key="a.txt")
    aws.s3.delete_object(Bucket=bucket, Key="in/a.csv")
    assert taken(made.queue("Heard")) == ["in/a.txt"]
    assert keys(taken(made.queue("Queue"))) == ["queue/b.txt"]
    assert keys(taken(made.queue("Told"))) == ["a.txt"]
    assert taken(made.queue("Ruled")) == ["in/a.csv"]


DELIVERED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Lake: {Type: AWS::S3::Bucket}
  Source: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: firehose.amazonaws.com}}]
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}
  Change:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Timeout: 60
      InlineCode: |
        import base64, json
        def one(record):
            value = json.loads(base64.b64decode(record["data"]))
            if value["n"] == 0:
                return {"recordId": record["recordId"], "result": "Dropped", "data": record["data"]}
            if value["n"] < 0:
                return {"recordId": record["recordId"], "result": "ProcessingFailed", "data": record["data"]}
            data = base64.b64encode((json.dumps({"doubled": 2 * value["n"]}) + "\\n").encode()).decode()
            return {"recordId": record["recordId"], "result": "Ok", "data": data}
        def handler(event, context):
            return {"records": [one(record) for record in event["records"]]}
  Delivery:
    Type: AWS::KinesisFirehose::DeliveryStream
    Properties:
      SOURCE
      ExtendedS3DestinationConfiguration:
        BucketARN: !GetAtt Lake.Arn
        RoleARN: !GetAtt Role.Arn
        Prefix: good/year=!{timestamp:yyyy}/month=!{timestamp:MM}/
        ErrorOutputPrefix: bad/!{firehose:error-output-type}/!{timestamp:yyyy}/
        CompressionFormat: GZIP
        BufferingHints: {IntervalInSeconds: 120, SizeInMBs: 1}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - Type: Lambda
              Parameters: [{ParameterName: LambdaArn, ParameterValue: !GetAtt Change.Arn}]
"""


@pytest.mark.parametrize("source", ["put", "stream"])
def test_firehose_transforms_compresses_and_names_objects(
    source: str, stack: Any, fabric: Any, aws: Any, objects: Any
) -> None:
    of_stream = (
        "DeliveryStreamType: KinesisStreamAsSource\n      KinesisStreamSourceConfiguration: "
        "{KinesisStreamARN: !GetAtt Source.Arn, RoleARN: !GetAtt Role.Arn}"
    )
    text = DELIVERED.replace("SOURCE", of_stream if source == "stream" else "DeliveryStreamType: DirectPut")
    made = stack(text, require="emulated")
    for number in (1, 0, -1, 2):
        data = json.dumps({"n": number}).encode()
        if source == "stream":
            name = made["Source"].physical_id
            aws.kinesis.put_record(StreamName=name, Data=data, PartitionKey="a")
        else:
            name = made["Delivery"].physical_id
            aws.firehose.put_record(DeliveryStreamName=name, Record={"Data": data})
    fabric.advance(119)
    assert objects(made.bucket("Lake")) == {}
    fabric.advance(180)
    found = objects(made.bucket("Lake"))
    good = {key: gzip.decompress(data) for key, data in found.items() if key.startswith("good/")}
    bad = [key for key in found if key.startswith("bad/processing-failed/2026/")]
    assert list(good.values()) == [b'{"doubled": 2}\n{"doubled": 4}\n']
    assert all(key.startswith("good/year=2026/month=01/") for key in good)
    assert len(bad) == 1
    assert len(found) == 2


def test_a_full_buffer_is_written_at_once(stack: Any, fabric: Any, aws: Any, objects: Any) -> None:
    plain = DELIVERED.replace("SOURCE", "DeliveryStreamType: DirectPut").partition("        ProcessingConf")[
        0
    ]
    made = stack(plain, require="emulated")
    begin = fabric.world.clock.ms
    record = {"Data": b"x" * 600_000}
    answer = aws.firehose.put_record_batch(
        DeliveryStreamName=made["Delivery"].physical_id, Records=[record, record]
    )
    assert answer["FailedPutCount"] == 0
    fabric.advance(5)
    assert fabric.world.clock.ms - begin == 5000
    assert len(objects(made.bucket("Lake"))) >= 1


def test_part_of_a_put_call_fails_and_the_rest_is_delivered(
    stack: Any, fabric: Any, aws: Any, objects: Any
) -> None:
    plain = DELIVERED.replace("SOURCE", "DeliveryStreamType: DirectPut").partition("        ProcessingConf")[
        0
    ]
    made = stack(plain)
    name = made["Delivery"].physical_id
    fabric.world.service("firehose").refusals.append(lambda stream, data: data == b"b")
    records = [{"Data": data} for data in (b"a", b"b", b"c")]
    answer = aws.firehose.put_record_batch(DeliveryStreamName=name, Records=records)
    assert answer["FailedPutCount"] == 1
    codes = [one.get("ErrorCode") for one in answer["RequestResponses"]]
    assert codes == [None, "ServiceUnavailableException", None]
    fabric.advance(180)
    assert [gzip.decompress(data) for data in objects(made.bucket("Lake")).values()] == [b"ac"]
