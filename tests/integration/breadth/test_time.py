"""Schedules, alarms and their actions on the virtual clock, by deployed templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

SCHEDULED = """
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Letters:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: sqs:SendMessage
            Resource: '*'
            Principal: {Service: [events.amazonaws.com, scheduler.amazonaws.com]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: scheduler.amazonaws.com}}]
      Policies:
        - PolicyName: all
          PolicyDocument:
            Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn}]
  Rule:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: EXPRESSION
      Targets: [{Id: q, Arn: !GetAtt Queue.Arn, Input: '"rule"'}]
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: EXPRESSION
      ScheduleExpressionTimezone: ZONE
      FlexibleTimeWindow: {Mode: 'OFF'}
      Target: {Arn: !GetAtt Queue.Arn, RoleArn: !GetAtt Role.Arn, Input: '"schedule"'}
"""
HOUR = 3600


def scheduled(expression: str, zone: str = "UTC", *without: str) -> str:
    """The template with an expression, without some of its resources."""
    text = SCHEDULED.replace("EXPRESSION", expression).replace("ZONE", zone)
    for name in without:
        before, _, rest = text.partition(f"  {name}:\n")
        kept = rest.split("\n")
        while kept and (kept[0].startswith("    ") or not kept[0]):
            kept.pop(0)
        text = before + "\n".join(kept)
    return text


@pytest.mark.parametrize(
    ("expression", "zone", "without", "hours"),
    [
        ("rate(2 hours)", "UTC", ("Schedule",), [2, 4, 6]),
        ("rate(2 hours)", "UTC", ("Rule",), [0, 2, 4, 6]),
        ("cron(0 5 * * ? *)", "UTC", (), [5, 5]),
        ("cron(0 5 ? * THU *)", "UTC", ("Schedule",), [5]),
        ("cron(0 5 ? * FRI *)", "UTC", ("Schedule",), []),
        ("cron(0 5 * * ? *)", "Europe/Berlin", ("Rule",), [4]),
        ("at(2026-01-01T03:00:00)", "UTC", ("Rule",), [3]),
        ("at(2026-01-01T03:00:00)", "Asia/Tokyo", ("Rule",), []),
    ],
)
def test_an_expression_is_due_on_the_virtual_clock(
    expression: str, zone: str, without: tuple[str, ...], hours: list[int], stack: Any, fabric: Any, aws: Any
) -> None:
    """The world begins on Thursday 2026-01-01 at midnight UTC."""
    made = stack(scheduled(expression, zone, *without), require="emulated")
    fabric.advance(6 * HOUR + 1)
    found = aws.sqs.receive_message(
        QueueUrl=made.queue("Queue"), MaxNumberOfMessages=10, AttributeNames=["SentTimestamp"]
    )
    moments = [int(one["Attributes"]["SentTimestamp"]) for one in found.get("Messages", [])]
    begin = datetime.fromisoformat("2026-01-01T00:00:00+00:00").timestamp()
    assert sorted(round((ms / 1000 - begin) / HOUR) for ms in moments) == hours


ALARMED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Told: {Type: AWS::SQS::Queue}
  Topic: {Type: AWS::SNS::Topic}
  Letters:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Told]
      PolicyDocument:
        Statement:
          - {Effect: Allow, Action: sqs:SendMessage, Resource: '*', Principal: {Service: sns.amazonaws.com}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Told.Arn, RawMessageDelivery: true}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      ReservedConcurrentExecutions: 1
      InlineCode: |
        import time
        def handler(event, context):
            print("WORKED", event)
            if event == "fail":
                raise ValueError("no")
            time.sleep(2)
  Count:
    Type: AWS::Logs::MetricFilter
    DependsOn: Lines
    Properties:
      LogGroupName: !Ref Lines
      FilterPattern: WORKED
      MetricTransformations: [{MetricName: worked, MetricNamespace: App, MetricValue: '1'}]
  Lines: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub '/aws/lambda/${Worker}'}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmActions: [!Ref Topic]
      OKActions: [!Ref Topic]
      Period: 60
      EvaluationPeriods: 1
      TreatMissingData: notBreaching
      METRIC
"""
QUEUED = "Dimensions: [{Name: QueueName, Value: !GetAtt Queue.QueueName}]"
WORKED = "Dimensions: [{Name: FunctionName, Value: !Ref Worker}]"
METRICS = {
    "queue depth": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", QUEUED, "Maximum", 2),
    "age of a message": ("AWS/SQS", "ApproximateAgeOfOldestMessage", QUEUED, "Maximum", 100),
    "errors": ("AWS/Lambda", "Errors", WORKED, "Sum", 0),
    "throttles": ("AWS/Lambda", "Throttles", WORKED, "Sum", 0),
    "a custom metric": ("App", "heat", "Dimensions: []", "Average", 30),
    "a metric filter": ("App", "worked", "Dimensions: []", "Sum", 0),
}


@pytest.mark.parametrize("metric", METRICS)
def test_an_alarm_is_judged_on_the_virtual_clock_and_acts(
    metric: str, stack: Any, fabric: Any, aws: Any, taken: Any
) -> None:
    namespace, name, dimensions, statistic, threshold = METRICS[metric]
    lines = [
        f"Namespace: {namespace}", f"MetricName: {name}", dimensions, f"Statistic: {statistic}",
        f"Threshold: {threshold}", "ComparisonOperator: GreaterThanThreshold",
    ]  # fmt: skip
    made = stack(ALARMED.replace("METRIC", "\n      ".join(lines)), require="emulated")

    def states() -> list[str]:
        return [one["NewStateValue"] for one in taken(made.queue("Told"))]

    fabric.advance(300)
    assert states() == ["OK"]
    invoke, worker = aws("lambda").invoke, made.function("Worker")
    if metric in ("queue depth", "age of a message"):
        for _ in range(3):
            aws.sqs.send_message(QueueUrl=made.queue("Queue"), MessageBody="x")
    elif metric == "errors":
        invoke(FunctionName=worker, Payload=b'"fail"')
    elif metric in ("throttles", "a metric filter"):
        for _ in range(2):
            invoke(FunctionName=worker, InvocationType="Event", Payload=b'"work"')
    else:
        aws.cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "heat", "Value": 31}])
    fabric.advance(240)
    aws.sqs.purge_queue(QueueUrl=made.queue("Queue"))
    fabric.advance(600)
    assert states() == ["ALARM", "OK"]
