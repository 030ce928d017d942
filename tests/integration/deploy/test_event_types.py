"""Buses, rules, archives and schedules: deployed, described, changed, deleted, and events go through."""

from __future__ import annotations

import json

import pytest

from stackproof.errors import DeploymentFailed


def bodies(aws, fabric, url):
    fabric.run_until_idle()
    found = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def test_an_event_goes_from_a_bus_to_the_targets_of_its_rule(one, aws, fabric):
    others = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "LetIn": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
                        }
                    ],
                },
            },
        },
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "orders"}},
    }
    target = {
        "Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]},
        "InputTransformer": {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"number": <n>}'},
    }  # fmt: skip
    pattern = {"source": ["shop"], "detail": {"n": [{"numeric": [">", 1]}]}}
    made = one(
        "AWS::Events::Rule", others, EventBusName={"Ref": "Bus"}, EventPattern=pattern, Targets=[target]
    )
    assert made["It"].verdict.left_out == ()
    entry = {"Source": "shop", "DetailType": "Order", "EventBusName": "orders"}
    aws.events.put_events(Entries=[{**entry, "Detail": json.dumps({"n": n})} for n in (1, 2)])
    assert bodies(aws, fabric, made.queue("Queue")) == [{"number": 2}]


def test_a_target_of_a_kind_that_nothing_is_sent_to_is_named(one):
    target = {
        "Id": "x",
        "Arn": "arn:aws:batch:us-east-1:123456789012:job-queue/q",
        "RoleArn": "arn:aws:iam::1:role/r",
    }
    made = one("AWS::Events::Rule", EventPattern={"source": ["shop"]}, Targets=[target])
    assert made["It"].verdict.left_out == ("Targets.0.Arn",)
    assert "batch" in str(made["It"].verdict)


def test_an_archive_keeps_what_its_pattern_takes(one, changed, aws, fabric, refused):
    bus = {"Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "orders"}}}
    made = one(
        "AWS::Events::Archive", bus, SourceArn={"Fn::GetAtt": ["Bus", "Arn"]}, RetentionDays=7,
        EventPattern={"source": ["shop"]},
    )  # fmt: skip
    name = made["It"].physical_id
    entry = {"DetailType": "t", "Detail": "{}", "EventBusName": "orders"}
    aws.events.put_events(Entries=[{**entry, "Source": source} for source in ("shop", "x")])
    fabric.run_until_idle()
    assert aws.events.describe_archive(ArchiveName=name)["EventCount"] == 1
    changed(made, RetentionDays=9)
    found = aws.events.describe_archive(ArchiveName=name)
    assert (found["RetentionDays"], json.loads(found["EventPattern"])) == (9, {"source": ["shop"]})
    assert made["It"].attributes["Arn"] == found["ArchiveArn"]
    made.delete()
    assert refused(aws.events.describe_archive, ArchiveName=name) == "ResourceNotFoundException"


def test_a_schedule_in_a_group_runs_until_it_is_deleted(one, changed, aws, fabric, refused):
    others = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "g"}},
    }
    target = {
        "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "RoleArn": "arn:aws:iam::123456789012:role/r", "Input": "{}",
    }  # fmt: skip
    made = one(
        "AWS::Scheduler::Schedule", others, GroupName={"Ref": "Group"}, ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"}, Target=target, StartDate="2026-01-01T06:00:00Z",
    )  # fmt: skip
    assert made["It"].verdict.left_out == ()
    fabric.advance(6 * 3600)
    assert bodies(aws, fabric, made.queue("Queue")) == [{}]
    changed(made, State="DISABLED")
    fabric.advance(7200)
    assert bodies(aws, fabric, made.queue("Queue")) == []
    name = made["It"].physical_id
    assert aws.scheduler.get_schedule(Name=name, GroupName="g")["State"] == "DISABLED"
    made.delete()
    assert refused(aws.scheduler.get_schedule, Name=name, GroupName="g") == "ResourceNotFoundException"


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Dead:
    Type: AWS::SQS::Queue
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return event["detail-type"] if "detail-type" in event else event
      Events:
        Orders:
          Type: EventBridgeRule
          Properties:
            Pattern: {source: [shop]}
            DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
        Hourly:
          Type: Schedule
          Properties: {Schedule: rate(1 hour)}
        Daily:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: cron(0 5 * * ? *)
            ScheduleExpressionTimezone: Europe/Berlin
"""


def test_the_events_of_a_serverless_function_run_it(stack, aws, fabric):
    made = stack(SAM, name="sam")
    worker = made["Worker"].physical_id

    def runs():
        fabric.run_until_idle()
        return len(fabric.journal.entries(verb="lambda.Run", target=worker))

    aws.events.put_events(Entries=[{"Source": "shop", "DetailType": "Order", "Detail": "{}"}])
    assert runs() == 1
    fabric.advance(3 * 3600 + 1)
    assert runs() == 4
    fabric.advance(3600)
    assert runs() == 6


@pytest.mark.parametrize("kind", ["policy", "statement"])
def test_a_bus_policy_lets_another_account_in(one, aws, fabric, kind):
    if kind == "policy":
        statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
                     "Action": "events:PutEvents", "Resource": "*"}  # fmt: skip
        properties = {"StatementId": "other", "Statement": statement}
    else:
        properties = {"StatementId": "other", "Action": "events:PutEvents", "Principal": "999999999999"}
    made = one("AWS::Events::EventBusPolicy", **properties)
    other = fabric.backend.client("events", account="999999999999")
    entry = {
        "Source": "shop", "DetailType": "t", "Detail": "{}",
        "EventBusName": "arn:aws:events:us-east-1:123456789012:event-bus/default",
    }  # fmt: skip
    assert other.put_events(Entries=[entry])["FailedEntryCount"] == 0
    made.delete()
    answer = other.put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "AccessDeniedException"


def test_a_pipe_of_a_stack_runs_until_it_is_deleted(one, changed, aws, fabric, refused):
    others = {name: {"Type": "AWS::SQS::Queue"} for name in ("In", "Out")}
    made = one(
        "AWS::Pipes::Pipe", others, RoleArn="arn:aws:iam::123456789012:role/r",
        Source={"Fn::GetAtt": ["In", "Arn"]}, Target={"Fn::GetAtt": ["Out", "Arn"]},
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"n": [1]}}'}]}},
        TargetParameters={"InputTemplate": "<$.body>"}, Tags={"a": "b"},
    )  # fmt: skip
    assert made["It"].verdict.left_out == ()
    for number in (1, 2):
        aws.sqs.send_message(QueueUrl=made.queue("In"), MessageBody=json.dumps({"n": number}))
    assert bodies(aws, fabric, made.queue("Out")) == [{"n": 1}]
    changed(made, TargetParameters={"InputTemplate": '{"number": <$.body.n>}'}, Tags={"a": "c"})
    fabric.run_until_idle()
    aws.sqs.send_message(QueueUrl=made.queue("In"), MessageBody='{"n": 1}')
    assert bodies(aws, fabric, made.queue("Out")) == [{"number": 1}]
    name = made["It"].physical_id
    found = aws.pipes.describe_pipe(Name=name)
    assert (found["Arn"], found["Tags"]) == (made["It"].arn, {"a": "c"})
    made.delete()
    assert refused(aws.pipes.describe_pipe, Name=name) == "NotFoundException"


def test_a_pipe_of_a_source_that_nothing_polls_is_not_emulated(one):
    made = one(
        "AWS::Pipes::Pipe", RoleArn="arn:aws:iam::123456789012:role/r",
        Source="arn:aws:kafka:us-east-1:123456789012:cluster/c/1",
        Target="arn:aws:sqs:us-east-1:123456789012:q",
    )  # fmt: skip
    assert made["It"].verdict.decisive == "Source"
    made.delete()


def test_a_topic_is_no_source_of_a_pipe(one):
    topic = {"T": {"Type": "AWS::SNS::Topic"}}
    with pytest.raises(DeploymentFailed, match=r"Source arn:aws:sns:\S+ is not supported"):
        one("AWS::Pipes::Pipe", topic, RoleArn="arn:aws:iam::123456789012:role/r",
            Source={"Ref": "T"}, Target="arn:aws:sqs:us-east-1:123456789012:q")  # fmt: skip


def test_the_name_of_a_topic_rule_is_not_mended(one):
    with pytest.raises(DeploymentFailed, match="Value 'a-b' at 'ruleName' failed to satisfy constraint"):
        one("AWS::IoT::TopicRule", RuleName="a-b",
            TopicRulePayload={"Sql": "SELECT * FROM 'a'", "Actions": []})  # fmt: skip


API_TARGET = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Seen: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  DeadPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Dead]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sqs:SendMessage
            Resource: '*'
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: v1}}
  Web:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      Policies: [SQSSendMessagePolicy: {QueueName: !GetAtt Seen.QueueName}]
      Environment: {Variables: {SEEN: !Ref Seen}}
      InlineCode: |
        import boto3, json, os
        def handler(event, context):
            said = [event["path"], event["queryStringParameters"], json.loads(event["body"])["detail"]]
            boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(said))
            return {"statusCode": said[2]["answer"]}
      Events:
        Take: {Type: Api, Properties: {RestApiId: !Ref Api, Path: '/orders/{kind}', Method: post}}
  Call:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: events.amazonaws.com}}]
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets:
        - Id: web
          Arn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/POST/orders/*
          RoleArn: !GetAtt Call.Arn
          HttpParameters: {PathParameterValues: [new], QueryStringParameters: {from: bus}}
          DeadLetterConfig: {Arn: !GetAtt Dead.Arn}
          RetryPolicy: {MaximumRetryAttempts: 1}
"""


def test_a_rule_calls_a_deployed_api_and_again_when_it_fails(stack, fabric, aws):
    made = stack(API_TARGET, require="emulated")

    def put(answer):
        detail = json.dumps({"answer": answer})
        aws("events").put_events(Entries=[{"Source": "shop", "DetailType": "made", "Detail": detail}])
        fabric.run_until_idle()
        return [bodies(aws, fabric, made.queue(name)) for name in ("Seen", "Dead")]

    assert put(200) == [[["/orders/new", {"from": "bus"}, {"answer": 200}]], []]
    seen, dead = put(503)
    assert (len(seen), [one["detail"] for one in dead]) == (2, [{"answer": 503}])
    seen, dead = put(400)
    assert (len(seen), [one["detail"] for one in dead]) == (1, [{"answer": 400}])
