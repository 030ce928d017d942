"""The handler and the ten resources that every measurement deploys."""

from __future__ import annotations

BATCH = 10
"""Messages in a call of the sender, and at most in a call of the function."""

HANDLER = """\
import boto3

table = boto3.client("dynamodb", region_name="us-east-1")


def handler(event, context):
    for record in event["Records"]:
        item = {"id": {"S": record["messageId"]}, "body": {"S": record["body"]}}
        table.put_item(TableName="benchmark", Item=item)
"""

_ROLE_POLICY = """\
          Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: [sqs:*, dynamodb:PutItem], Resource: "*"}
"""

TEMPLATE = f"""\
Description: Ten resources, one of each kind that a small pipeline has.
Resources:
  DeadLetters: {{Type: AWS::SQS::Queue}}
  Inbox:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: benchmark
      VisibilityTimeout: 300
      RedrivePolicy: {{deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 3}}
  Topic: {{Type: AWS::SNS::Topic}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {{TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Inbox.Arn}}
  InboxPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Inbox]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {{Service: sns.amazonaws.com}}
            Action: sqs:SendMessage
            Resource: !GetAtt Inbox.Arn
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: benchmark
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: "sts:AssumeRole"}}
      Policies:
      - PolicyName: writes
        PolicyDocument:
{_ROLE_POLICY}\
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {{LogGroupName: /aws/lambda/benchmark, RetentionInDays: 7}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: benchmark
      Runtime: python3.12
      Handler: index.handler
      Timeout: 60
      Role: !GetAtt Role.Arn
      Code:
        ZipFile: |
{"".join(f"          {line}" for line in HANDLER.splitlines(keepends=True))}\
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{EventSourceArn: !GetAtt Inbox.Arn, FunctionName: !Ref Function, BatchSize: {BATCH}}}
"""
