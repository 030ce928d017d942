"""Buses by a deployed template: each kind of target, retries and dead letters, archive and replay."""

from __future__ import annotations

import json
from typing import Any

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
  Other: {Type: AWS::Events::EventBus, Properties: {Name: other}}
  Queue: {Type: AWS::SQS::Queue}
  Heard: {Type: AWS::SQS::Queue}
  Told: {Type: AWS::SQS::Queue}
  Passed: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic}
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Lake: {Type: AWS::S3::Bucket}
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /aws/events/orders}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: {Service: [events.amazonaws.com, firehose.amazonaws.com]}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}
  Delivery:
    Type: AWS::KinesisFirehose::DeliveryStream
    Properties:
      ExtendedS3DestinationConfiguration:
        BucketARN: !GetAtt Lake.Arn
        RoleARN: !GetAtt Role.Arn
        BufferingHints: {IntervalInSeconds: 60, SizeInMBs: 1}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue, !Ref Passed, !Ref Told, !Ref Dead]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: sqs:SendMessage
            Resource: '*'
            Principal: {Service: [events.amazonaws.com, sns.amazonaws.com]}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: sns:Publish
            Resource: !Ref Topic
            Principal: {Service: events.amazonaws.com}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Told.Arn, RawMessageDelivery: true}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Policies: [SQSSendMessagePolicy: {QueueName: !GetAtt Heard.QueueName}]
      Environment: {Variables: {HEARD: !Ref Heard}}
      InlineCode: |
        import boto3, json, os
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody=json.dumps(event))
      Events:
        Ordered:
          Type: EventBridgeRule
          Properties:
            EventBusName: !Ref Bus
            Pattern: {source: [shop]}
            InputPath: $.detail
  Handed:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [shop]}
      Targets:
        - Id: queue
          Arn: !GetAtt Queue.Arn
          InputTransformer:
            InputPathsMap: {n: $.detail.n}
            InputTemplate: '{"number": <n>, "bus": "orders"}'
        - {Id: topic, Arn: !Ref Topic, InputPath: $.detail}
        - Id: stream
          Arn: !GetAtt Stream.Arn
          RoleArn: !GetAtt Role.Arn
          KinesisParameters: {PartitionKeyPath: $.detail.n}
        - {Id: delivery, Arn: !GetAtt Delivery.Arn, RoleArn: !GetAtt Role.Arn}
        - {Id: bus, Arn: !GetAtt Other.Arn, RoleArn: !GetAtt Role.Arn}
  Logged:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [shop]}
      Targets:
        - Id: logs
          Arn: !Sub 'arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/events/orders'
  LogsPolicy:
    Type: AWS::Logs::ResourcePolicy
    Properties:
      PolicyName: events
      PolicyDocument: !Sub |
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
         "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
         "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
         "Resource": "arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/events/*:*"}]}
  Onward:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Other
      EventPattern: {source: [shop]}
      Targets: [{Id: passed, Arn: !GetAtt Passed.Arn, InputPath: $.detail}]
  Lost:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [lost]}
      Targets:
        - Id: gone
          Arn: !Sub 'arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:gone'
          DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
          RetryPolicy: {MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 600}
  Kept:
    Type: AWS::Events::Archive
    Properties: {ArchiveName: kept, SourceArn: !GetAtt Bus.Arn, EventPattern: {detail: {n: [1, 2]}}}
"""


def put(aws: Any, *numbers: int, source: str = "shop") -> None:
    """Custom events on the bus ``orders``."""
    entry = {"Source": source, "DetailType": "Order", "EventBusName": "orders"}
    aws.events.put_events(Entries=[{**entry, "Detail": json.dumps({"n": number})} for number in numbers])


def test_an_event_reaches_every_kind_of_target(
    stack: Any, fabric: Any, aws: Any, taken: Any, objects: Any
) -> None:
    made = stack(TEMPLATE)
    put(aws, 1)
    put(aws, 9, source="elsewhere")
    assert taken(made.queue("Queue")) == [{"number": 1, "bus": "orders"}]
    assert taken(made.queue("Heard")) == [{"n": 1}]
    assert taken(made.queue("Told")) == [{"n": 1}]
    assert taken(made.queue("Passed")) == [{"n": 1}]
    shard = {"StreamName": made["Stream"].physical_id, "ShardId": "shardId-000000000000"}
    iterator = aws.kinesis.get_shard_iterator(**shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    (record,) = aws.kinesis.get_records(ShardIterator=iterator)["Records"]
    assert (json.loads(record["Data"])["detail"], record["PartitionKey"]) == ({"n": 1}, "1")
    fabric.advance(61)
    (content,) = objects(made.bucket("Lake")).values()
    assert json.loads(content)["detail"] == {"n": 1}
    logged = aws.logs.filter_log_events(logGroupName="/aws/events/orders")["events"]
    assert [json.loads(event["message"])["detail"] for event in logged] == [{"n": 1}]


def test_what_cannot_be_delivered_is_buried_with_the_reason(
    stack: Any, fabric: Any, aws: Any, taken: Any
) -> None:
    made = stack(TEMPLATE)
    put(aws, 1, source="lost")
    fabric.run_until_idle()
    (message,) = aws.sqs.receive_message(
        QueueUrl=made.queue("Dead"), MessageAttributeNames=["All"], MaxNumberOfMessages=10
    )["Messages"]
    attributes = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert attributes["RULE_ARN"].endswith(made["Lost"].physical_id.rpartition("|")[2])


def test_what_was_archived_is_replayed_to_the_rules(stack: Any, fabric: Any, aws: Any, taken: Any) -> None:
    made = stack(TEMPLATE)
    begin = fabric.world.clock.datetime()
    put(aws, 1, 2, 3)
    assert [one["number"] for one in taken(made.queue("Queue"))] == [1, 2, 3]
    fabric.advance(3600)
    aws.events.start_replay(
        ReplayName="again", EventSourceArn=made["Kept"].attributes["Arn"], EventStartTime=begin,
        EventEndTime=fabric.world.clock.datetime(),
        Destination={"Arn": made["Bus"].attributes["Arn"]},
    )  # fmt: skip
    assert sorted(one["number"] for one in taken(made.queue("Queue"))) == [1, 2]
    assert aws.events.describe_replay(ReplayName="again")["State"] == "COMPLETED"
