"""Every kind of event that a SAM function can have: it reaches the function, or is refused by its name."""

from __future__ import annotations

import json

import pytest

HEAD = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    Handler: index.handler
    Environment: {Variables: {QUEUE: !Ref Seen}}
Resources:
  Seen: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 0}}
  It:
    Type: AWS::Serverless::Function
    Properties:
      Policies: [SQSSendMessagePolicy: {QueueName: !GetAtt Seen.QueueName}]
      InlineCode: |
        import json, os
        import boto3

        sqs = boto3.client("sqs")

        def handler(event, context):
            sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
            return {"statusCode": 200, "body": "done"}
      Events:
"""


@pytest.fixture
def app(stack):
    """``app(events, resources)``: the function with its events, deployed."""

    def deploy(events, resources=""):
        inner = "".join(f"        {line}\n" for line in events.strip("\n").splitlines())
        return stack(HEAD + inner + resources)

    return deploy


@pytest.fixture
def seen(aws, fabric):
    """``seen(made)``: the events that reached the function, after all that is bound to happen."""

    def read(made):
        fabric.run_until_idle()
        found = []
        while True:
            messages = aws.sqs.receive_message(QueueUrl=made.queue("Seen"), MaxNumberOfMessages=10)
            if not messages.get("Messages"):
                return found
            for message in messages["Messages"]:
                found.append(json.loads(message["Body"]))
                aws.sqs.delete_message(QueueUrl=made.queue("Seen"), ReceiptHandle=message["ReceiptHandle"])

    return read


def sources(events):
    first = [event["Records"][0] for event in events]
    return sorted(record.get("eventSource") or record["EventSource"] for record in first)


def test_queues_with_all_their_settings(app, aws, seen):
    made = app(
        """
Q:
  Type: SQS
  Properties:
    Queue: !GetAtt In.Arn
    BatchSize: 5
    MaximumBatchingWindowInSeconds: 1
    FunctionResponseTypes: [ReportBatchItemFailures]
    ScalingConfig: {MaximumConcurrency: 2}
    FilterCriteria: {Filters: [{Pattern: '{"body": {"n": [1]}}'}]}
""",
        "  In: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}\n",
    )
    made.require("emulated")
    for n in (1, 2):
        aws.sqs.send_message(QueueUrl=made.queue("In"), MessageBody=json.dumps({"n": n}))
    assert [event["Records"][0]["body"] for event in seen(made)] == ['{"n": 1}']


def test_topics_straight_and_over_a_queue_of_their_own(app, aws, seen):
    made = app(
        """
Straight: {Type: SNS, Properties: {Topic: !Ref Topic, FilterPolicy: {kind: [x]}}}
Queued:
  Type: SNS
  Properties:
    Topic: !Ref Topic
    FilterPolicyScope: MessageBody
    FilterPolicy: {store: [a]}
    SqsSubscription: true
""",
        "  Topic: {Type: AWS::SNS::Topic}\n",
    )
    made.require("emulated")
    kind = {"kind": {"DataType": "String", "StringValue": "x"}}
    aws.sns.publish(TopicArn=made.topic("Topic"), Message='{"store": "a"}')
    aws.sns.publish(TopicArn=made.topic("Topic"), Message='{"store": "b"}', MessageAttributes=kind)
    assert sources(seen(made)) == ["aws:sns", "aws:sqs"]


def test_streams(app, aws, seen):
    made = app(
        """
K:
  Type: Kinesis
  Properties:
    Stream: !GetAtt Stream.Arn
    StartingPosition: LATEST
    BisectBatchOnFunctionError: true
    MaximumRetryAttempts: 2
    ParallelizationFactor: 2
    DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Seen.Arn}}
D:
  Type: DynamoDB
  Properties:
    Stream: !GetAtt Table.StreamArn
    StartingPosition: TRIM_HORIZON
    FilterCriteria: {Filters: [{Pattern: '{"eventName": ["INSERT"]}'}]}
""",
        """
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
""",
    )
    made.require("emulated")
    aws.kinesis.put_record(StreamName=made["Stream"].physical_id, Data=b"x", PartitionKey="a")
    for value in "12":
        item = {"id": {"S": "a"}, "v": {"S": value}}
        aws.dynamodb.put_item(TableName=made.table("Table"), Item=item)
    assert sources(seen(made)) == ["aws:dynamodb", "aws:kinesis"]


def test_objects(app, aws, seen):
    made = app(
        """
Up:
  Type: S3
  Properties:
    Bucket: !Ref Bucket
    Events: s3:ObjectCreated:*
    Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .json}]}}
Gone: {Type: S3, Properties: {Bucket: !Ref Bucket, Events: ['s3:ObjectRemoved:Delete']}}
""",
        "  Bucket: {Type: AWS::S3::Bucket}\n",
    )
    made.require("emulated")
    bucket = made["Bucket"].physical_id
    for key in ("in/a.json", "out/a.json"):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    aws.s3.delete_object(Bucket=bucket, Key="out/a.json")
    names = sorted(event["Records"][0]["eventName"] for event in seen(made))
    assert names == ["ObjectCreated:Put", "ObjectRemoved:Delete"]


def test_schedules_and_rules(app, aws, fabric, seen):
    made = app(
        """
Rate: {Type: Schedule, Properties: {Schedule: rate(1 hour), Input: '"rate"', DeadLetterConfig: {Type: SQS}}}
Cron:
  Type: ScheduleV2
  Properties:
    ScheduleExpression: cron(30 * * * ? *)
    ScheduleExpressionTimezone: Europe/Berlin
    FlexibleTimeWindow: {Mode: 'OFF'}
    Input: '"cron"'
Off: {Type: Schedule, Properties: {Schedule: rate(1 minute), Enabled: false}}
Rule:
  Type: EventBridgeRule
  Properties: {Pattern: {source: [shop]}, InputPath: $.detail, Target: {Id: mine}, RuleName: by-name}
Old: {Type: CloudWatchEvent, Properties: {Pattern: {detail-type: [Order]}, Input: '"old"'}}
Own: {Type: EventBridgeRule, Properties: {EventBusName: !Ref Bus, Pattern: {source: [shop]}, Input: '"own"'}}
""",
        "  Bus: {Type: AWS::Events::EventBus, Properties: {Name: mine}}\n",
    )
    made.require("emulated")
    fabric.advance(3600)
    assert sorted(seen(made)) == ["cron", "rate"]
    entry = {"Source": "shop", "DetailType": "Order", "Detail": '{"n": 1}'}
    aws.events.put_events(Entries=[entry, {**entry, "EventBusName": "mine"}])
    assert sorted(map(json.dumps, seen(made))) == ['"old"', '"own"', '{"n": 1}']


def test_logs_and_topics_of_things(app, aws, fabric, seen):
    made = app(
        """
Log: {Type: CloudWatchLogs, Properties: {LogGroupName: !Ref Group, FilterPattern: ERROR}}
Thing: {Type: IoTRule, Properties: {Sql: "SELECT * FROM 'sensors/#' WHERE t > 5"}}
""",
        "  Group: {Type: AWS::Logs::LogGroup}\n",
    )
    made.require("emulated")
    place = {"logGroupName": made["Group"].physical_id, "logStreamName": "s"}
    aws.logs.create_log_stream(**place)
    now = 1_767_225_600_000
    lines = [{"timestamp": now, "message": text} for text in ("ERROR a", "fine")]
    aws.logs.put_log_events(**place, logEvents=lines)
    for t in (9, 1):
        aws("iot-data").publish(topic="sensors/a", payload=json.dumps({"t": t}).encode())
    found = seen(made)
    assert {"t": 9} in found
    assert sorted(key for event in found for key in event) == ["awslogs", "t"]


def test_apis_of_all_kinds(app, fabric, seen):
    made = app(
        """
Implicit: {Type: Api, Properties: {Path: '/hello/{name}', Method: get}}
Explicit: {Type: Api, Properties: {Path: /x, Method: any, RestApiId: !Ref Rest}}
Http: {Type: HttpApi, Properties: {Path: '/v2/{proxy+}', Method: ANY, TimeoutInMillis: 5000}}
All: {Type: HttpApi}
""",
        """
  Rest: {Type: AWS::Serverless::Api, Properties: {StageName: live}}
Outputs:
  Implicit: {Value: !Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/hello/bo"}
  Explicit: {Value: !Sub "https://${Rest}.execute-api.${AWS::Region}.amazonaws.com/live/x"}
  Http: {Value: !Sub "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com/v2/a/b"}
  All: {Value: !Sub "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.amazonaws.com/any"}
""",
    )
    made.require("emulated")
    for url in made.outputs.values():
        assert fabric.request("GET", url).text == "done"
    versions = [event.get("version", "rest") for event in seen(made)]
    assert sorted(versions) == ["2.0", "2.0", "rest", "rest"]


@pytest.mark.parametrize(
    ("event", "resources", "said"),
    [
        ("A: {Type: AlexaSkill}", "", "nothing here calls functions as alexa-appkit.amazon.com"),
        (
            "C: {Type: Cognito, Properties: {UserPool: !Ref Pool, Trigger: PreSignUp}}",
            "  Pool: {Type: AWS::Cognito::UserPool}\n",
            "nothing here calls functions as cognito-idp.amazonaws.com",
        ),
        (
            "K: {Type: MSK, Properties: {StartingPosition: LATEST, Topics: [t], "
            "Stream: 'arn:aws:kafka:us-east-1:123456789012:cluster/c/x'}}",
            "",
            "nothing polls kafka here",
        ),
    ],
    ids=["alexa", "cognito", "kafka"],
)
def test_an_event_that_nothing_here_makes_is_refused_by_its_name(app, event, resources, said):
    made = app(event, resources)
    assert said in " ".join(str(one.verdict) for _, one in made.missing())
    assert str(made["It"].verdict.level) == "emulated"
