"""Topic rules, shadows and pipes by deployed templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

DEVICES = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Lamp: {Type: AWS::IoT::Thing, Properties: {ThingName: lamp}}
  Heard: {Type: AWS::SQS::Queue}
  Failed: {Type: AWS::SQS::Queue}
  Readings:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: room, Type: String}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: iot.amazonaws.com}}]
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}
  Hot:
    Type: AWS::IoT::TopicRule
    Properties:
      TopicRulePayload:
        AwsIotSqlVersion: '2016-03-23'
        Sql: SELECT topic(2) AS room, t AS heat FROM 'rooms/+/heat' WHERE t > 30
        Actions:
          - DynamoDBv2: {RoleArn: !GetAtt Role.Arn, PutItem: {TableName: !Ref Readings}}
          - Sqs: {RoleArn: !GetAtt Role.Arn, QueueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/gone'}
        ErrorAction:
          Sqs: {RoleArn: !GetAtt Role.Arn, QueueUrl: !Ref Failed, UseBase64: false}
  Driver:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Policies:
        - SQSSendMessagePolicy: {QueueName: !GetAtt Heard.QueueName}
        - Statement: [{Effect: Allow, Action: 'iot:*', Resource: '*'}]
      Environment: {Variables: {HEARD: !Ref Heard}}
      InlineCode: |
        import boto3, json, os
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody=json.dumps(event))
            done = json.dumps({"state": {"reported": event["state"]}}).encode()
            boto3.client("iot-data").update_thing_shadow(thingName="lamp", payload=done)
      Events:
        Delta:
          Type: IoTRule
          Properties: {Sql: "SELECT state, version FROM '$aws/things/lamp/shadow/update/delta'"}
"""


def test_a_rule_selects_stores_and_hands_failures_on(stack: Any, fabric: Any, aws: Any, taken: Any) -> None:
    made = stack(DEVICES, require="emulated")
    for heat in (29, 31):
        payload = json.dumps({"t": heat}).encode()
        aws.iot_data.publish(topic="rooms/attic/heat", payload=payload)
    fabric.run_until_idle()
    items = aws.dynamodb.scan(TableName=made.table("Readings"))["Items"]
    assert items == [{"room": {"S": "attic"}, "heat": {"N": "31"}}]
    (failure,) = taken(made.queue("Failed"))
    assert [one["failedAction"] for one in failure["failures"]] == ["SqsAction"]


def test_a_delta_reaches_the_function_until_the_device_has_caught_up(
    stack: Any, fabric: Any, aws: Any, taken: Any
) -> None:
    made = stack(DEVICES)

    def update(**state: Any) -> None:
        aws.iot_data.update_thing_shadow(thingName="lamp", payload=json.dumps({"state": state}).encode())

    update(reported={"on": False, "colour": "red"})
    update(desired={"on": True, "colour": "red"})
    assert [one["state"] for one in taken(made.queue("Heard"))] == [{"on": True}]
    shadow = json.loads(aws.iot_data.get_thing_shadow(thingName="lamp")["payload"].read())
    assert shadow["state"]["reported"] == {"on": True, "colour": "red"}
    assert "delta" not in shadow["state"]
    update(desired={"on": True})
    assert taken(made.queue("Heard")) == []


PIPED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Out: {Type: AWS::SQS::Queue}
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: pipes.amazonaws.com}}]
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}
  Enrich:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        def handler(events, context):
            return [{"kept": event} for event in events if event["n"] != "2"]
  Pipe:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: !GetAtt Role.Arn
      Source: !GetAtt SOURCE
      SourceParameters:
        SETTINGS
        FilterCriteria: {Filters: [{Pattern: 'FILTER'}]}
      Enrichment: !GetAtt Enrich.Arn
      EnrichmentParameters: {InputTemplate: '{"n": "<PATH>"}'}
      Target: !GetAtt Out.Arn
      TargetParameters: {InputTemplate: '{"went": <$.kept.n>}'}
"""


@pytest.mark.parametrize(
    ("source", "settings", "criteria", "path"),
    [
        ("Queue.Arn", "SqsQueueParameters: {BatchSize: 5}", '{"body": {"n": ["1", "2"]}}', "$.body.n"),
        (
            "Stream.Arn",
            "KinesisStreamParameters: {StartingPosition: LATEST}",
            '{"data": {"n": ["1", "2"]}}',
            "$.data.n",
        ),
        (
            "Table.StreamArn",
            "DynamoDBStreamParameters: {StartingPosition: LATEST}",
            '{"dynamodb": {"NewImage": {"id": {"S": ["1", "2"]}}}}',
            "$.dynamodb.NewImage.id.S",
        ),
    ],
    ids=["queue", "stream", "table"],
)
def test_a_pipe_filters_enriches_and_shapes(
    source: str, settings: str, criteria: str, path: str, stack: Any, aws: Any, taken: Any
) -> None:
    text = PIPED.replace("SOURCE", source).replace("SETTINGS", settings)
    made = stack(text.replace("FILTER", criteria).replace("PATH", path), require="emulated")
    for number in ("1", "2", "3"):
        body = json.dumps({"n": number})
        if source == "Queue.Arn":
            aws.sqs.send_message(QueueUrl=made.queue("Queue"), MessageBody=body)
        elif source == "Stream.Arn":
            name = made["Stream"].physical_id
            aws.kinesis.put_record(StreamName=name, Data=body.encode(), PartitionKey="a")
        else:
            aws.dynamodb.put_item(TableName=made.table("Table"), Item={"id": {"S": number}})
    assert taken(made.queue("Out")) == [{"went": "1"}]
