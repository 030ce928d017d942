"""Small SAM applications on streams, in the style of public samples, run as they are."""

from __future__ import annotations

import json

BATCHES = """
import json
import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord

logger = Logger(service="payments")
processor = BatchProcessor(event_type=EventType.KinesisDataStreams)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def record_handler(record: KinesisStreamRecord):
    payload = record.kinesis.data_as_json()
    if payload["amount"] < 0:
        raise ValueError("negative amount")
    table.put_item(Item={"id": payload["id"], "amount": payload["amount"]})


@logger.inject_lambda_context
def lambda_handler(event, context):
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
"""
AUDIT = """
import os

import boto3
from boto3.dynamodb.types import TypeDeserializer

sqs = boto3.client("sqs")
read = TypeDeserializer().deserialize


def lambda_handler(event, context):
    for record in event["Records"]:
        item = {name: read(value) for name, value in record["dynamodb"]["NewImage"].items()}
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=f"{record['eventName']} {item['id']}")
"""
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Handler: app.lambda_handler, Timeout: 30}
Resources:
  Payments:
    Type: AWS::Kinesis::Stream
    Properties:
      StreamModeDetails: {StreamMode: ON_DEMAND}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Heard: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  Process:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: process/
      Policies:
        - DynamoDBCrudPolicy: {TableName: !Ref Table}
      Environment: {Variables: {TABLE_NAME: !Ref Table}}
      Events:
        Stream:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Payments.Arn
            StartingPosition: LATEST
            BatchSize: 50
            ParallelizationFactor: 2
            MaximumRetryAttempts: 1
            FunctionResponseTypes: [ReportBatchItemFailures]
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
  Audit:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: audit/
      Policies:
        - SQSSendMessagePolicy: {QueueName: !GetAtt Heard.QueueName}
      Environment: {Variables: {QUEUE_URL: !Ref Heard}}
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Table.StreamArn
            StartingPosition: TRIM_HORIZON
            FilterCriteria:
              Filters:
                - Pattern: '{"eventName": ["INSERT"]}'
Outputs:
  Stream: {Value: !Ref Payments}
"""


def test_payments_are_processed_audited_and_set_apart(stack, aws, fabric, tmp_path):
    for name, code in (("process", BATCHES), ("audit", AUDIT)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(code)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    made = stack(tmp_path / "template.yaml")
    assert {str(one.verdict.level) for _, one in made.walk()} == {"emulated"}
    fabric.run_until_idle()
    for number in range(10):
        body = json.dumps({"id": f"{number}", "amount": -1 if number == 4 else number})
        aws.kinesis.put_record(StreamName=made.outputs["Stream"], Data=body.encode(), PartitionKey="one")
    fabric.run_until_idle()
    stored = {item["id"]["S"] for item in aws.dynamodb.scan(TableName=made.table("Table"))["Items"]}
    assert stored == {f"{number}" for number in range(10) if number != 4}
    bodies = set()
    while found := aws.sqs.receive_message(QueueUrl=made.queue("Heard"), MaxNumberOfMessages=10).get(
        "Messages"
    ):
        bodies |= {message["Body"] for message in found}
    assert bodies == {f"INSERT {number}" for number in stored}
    (dead,) = aws.sqs.receive_message(QueueUrl=made.queue("Dead"))["Messages"]
    place = json.loads(dead["Body"])["KinesisBatchInfo"]
    iterator = aws.kinesis.get_shard_iterator(
        StreamName=made.outputs["Stream"], ShardId=place["shardId"], ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=place["startSequenceNumber"],
    )["ShardIterator"]  # fmt: skip
    first = aws.kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"][0]
    assert json.loads(first["Data"])["id"] == "4"
