"""Services around a function: URLs, authorizers, custom resources, alarms, pipes, logs, Firehose, IoT.

Small templates as Python: most of these run embedded only, and the matrix says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Bodies = Callable[[str], list[str]]
QUEUE = {"Type": "AWS::SQS::Queue"}
BUCKET = {"Type": "AWS::S3::Bucket"}
ARN = {"Fn::GetAtt": ["Queue", "Arn"]}


def _allow(*services: str) -> dict[str, Any]:
    allowed = {
        "Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sqs:SendMessage",
        "Resource": ARN,
    }  # fmt: skip
    document = {"Version": "2012-10-17", "Statement": [allowed]}
    queues = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": document}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": queues}


def _role(service: str) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": ["sqs:*", "s3:*", "lambda:*"], "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [rights]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "rights", "PolicyDocument": policy}],
        },
    }


def _function(code: str, **more: Any) -> dict[str, Any]:
    properties = {"Runtime": "python3.12", "Handler": "index.handler", "InlineCode": code, **more}
    return {"Type": "AWS::Serverless::Function", "Properties": properties}


def _template(**resources: Any) -> dict[str, Any]:
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}


SEND = """
import json, os, boto3

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""
SENDS: dict[str, Any] = {
    "Environment": {"Variables": {"QUEUE": {"Ref": "Queue"}}},
    "Policies": [{"SQSSendMessagePolicy": {"QueueName": {"Fn::GetAtt": ["Queue", "QueueName"]}}}],
}
ECHO = "def handler(event, context):\n    return {'statusCode': 200, 'body': event['rawPath']}\n"


@pytest.mark.capability("function-urls")
def test_a_function_answers_at_its_url(stack: Any, fabric: Any) -> None:
    made = stack(_template(Echo=_function(ECHO, FunctionUrlConfig={"AuthType": "NONE"})))
    answer = fabric.request("GET", made["EchoUrl"].attributes["FunctionUrl"] + "orders/7")
    assert (answer.status, answer.text) == (200, "/orders/7")


GUARD = """
def handler(event, context):
    return {"isAuthorized": event["headers"].get("authorization") == "let me in"}
"""


@pytest.mark.capability("http-api", "lambda-authorizers")
def test_a_function_decides_who_may_call_an_api(stack: Any, fabric: Any) -> None:
    guard = {
        "FunctionArn": {"Fn::GetAtt": ["Guard", "Arn"]}, "AuthorizerPayloadFormatVersion": "2.0",
        "EnableSimpleResponses": True, "EnableFunctionDefaultPermissions": True,
        "Identity": {"Headers": ["Authorization"]},
    }  # fmt: skip
    auth = {"DefaultAuthorizer": "Guard", "Authorizers": {"Guard": guard}}
    event = {"Type": "HttpApi", "Properties": {"Path": "/a", "Method": "GET", "ApiId": {"Ref": "Api"}}}
    api = {"Type": "AWS::Serverless::HttpApi", "Properties": {"Auth": auth}}
    made = stack(_template(Api=api, Guard=_function(GUARD), Echo=_function(ECHO, Events={"A": event})))
    url = made.url("Api") + "/a"
    answers = [
        fabric.request("GET", url, headers={"Authorization": word}) for word in ("let me in", "please")
    ]
    assert [answer.status for answer in answers] == [200, 403]


NAMED = """
import cfnresponse

def handler(event, context):
    name = event["ResourceProperties"]["Name"]
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Upper": name.upper()}, name)
"""


@pytest.mark.capability("custom-resources")
def test_a_custom_resource_is_what_its_function_answers(stack: Any, fabric: Any) -> None:
    properties = {"ServiceToken": {"Fn::GetAtt": ["Provider", "Arn"]}, "Name": "moss"}
    made = stack(
        _template(Provider=_function(NAMED), It={"Type": "Custom::Name", "Properties": properties}),
        require="emulated",
    )
    assert (made["It"].physical_id, made["It"].attributes["Upper"]) == ("moss", "MOSS")


@pytest.mark.capability("s3-notifications")
def test_a_function_hears_of_an_object(stack: Any, fabric: Any, aws: Any, bodies: Bodies) -> None:
    put = {"Type": "S3", "Properties": {"Bucket": {"Ref": "Bucket"}, "Events": "s3:ObjectCreated:*"}}
    made = stack(
        _template(
            Queue=QUEUE,
            Bucket=BUCKET,
            Hears=_function(SEND, **SENDS, Events={"Put": put}),
        )
    )
    aws.s3.put_object(Bucket=made["Bucket"].physical_id, Key="a", Body=b"1")
    fabric.run_until_idle(timeout=10)
    [event] = bodies(made.queue("Queue"))
    assert json.loads(event)["Records"][0]["s3"]["object"]["key"] == "a"


@pytest.mark.capability("logs-subscriptions")
def test_a_function_hears_of_a_log_line(stack: Any, fabric: Any, aws: Any, bodies: Bodies) -> None:
    line = {
        "Type": "CloudWatchLogs",
        "Properties": {"LogGroupName": {"Ref": "Group"}, "FilterPattern": "ERROR"},
    }
    group = {"Type": "AWS::Logs::LogGroup"}
    made = stack(_template(Queue=QUEUE, Group=group, Hears=_function(SEND, **SENDS, Events={"Line": line})))
    place = {"logGroupName": made["Group"].physical_id, "logStreamName": "s"}
    aws.logs.create_log_stream(**place)
    now = int(fabric.world.clock.ms)
    for text in ("INFO well", "ERROR bad"):
        aws.logs.put_log_events(**place, logEvents=[{"timestamp": now, "message": text}])
    fabric.run_until_idle(timeout=10)
    assert len(bodies(made.queue("Queue"))) == 1


@pytest.mark.capability("alarms")
def test_an_alarm_tells_when_a_metric_is_too_high(stack: Any, fabric: Any, aws: Any, bodies: Bodies) -> None:
    topic = {"Type": "AWS::SNS::Topic"}
    subscription = {
        "TopicArn": {"Ref": "Topic"},
        "Protocol": "sqs",
        "Endpoint": ARN,
        "RawMessageDelivery": True,
    }
    alarm = {
        "Namespace": "Live", "MetricName": "m", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": [{"Ref": "Topic"}],
    }  # fmt: skip
    made = stack(
        _template(
            Queue=QUEUE, Topic=topic, Sends=_allow("sns.amazonaws.com"),
            Told={"Type": "AWS::SNS::Subscription", "Properties": subscription},
            Alarm={"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
        )
    )  # fmt: skip
    aws.cloudwatch.put_metric_data(Namespace="Live", MetricData=[{"MetricName": "m", "Value": 6}])
    fabric.advance(120)
    assert [json.loads(body)["NewStateValue"] for body in bodies(made.queue("Queue"))] == ["ALARM"]


@pytest.mark.capability("pipes")
def test_a_pipe_hands_on_what_it_lets_through(stack: Any, fabric: Any, aws: Any, bodies: Bodies) -> None:
    only = {"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["wanted"]}}'}]}}
    pipe = {
        "Source": {"Fn::GetAtt": ["Source", "Arn"]}, "SourceParameters": only, "Target": ARN,
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    }  # fmt: skip
    made = stack(
        _template(
            Source=QUEUE, Queue=QUEUE, Role=_role("pipes.amazonaws.com"),
            Pipe={"Type": "AWS::Pipes::Pipe", "Properties": pipe},
        )
    )  # fmt: skip
    for kind in ("wanted", "other"):
        aws.sqs.send_message(QueueUrl=made.queue("Source"), MessageBody=json.dumps({"kind": kind}))
    fabric.run_until_idle(timeout=10)
    assert len(bodies(made.queue("Queue"))) == 1


@pytest.mark.capability("pipelines")
def test_a_build_leaves_its_artifact(stack: Any, fabric: Any, aws: Any) -> None:
    commands = {"phases": {"build": {"commands": ["echo $WORD > word.txt"]}}}
    spec = json.dumps({"version": "0.2", **commands, "artifacts": {"files": ["word.txt"]}})
    project = {
        "ServiceRole": {"Fn::GetAtt": ["Role", "Arn"]}, "Source": {"Type": "NO_SOURCE", "BuildSpec": spec},
        "Artifacts": {"Type": "S3", "Location": {"Ref": "Bucket"}, "Name": "out", "Packaging": "NONE"},
        "Environment": {
            "Type": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_SMALL",
            "Image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "EnvironmentVariables": [{"Name": "WORD", "Value": "built"}],
        },
    }  # fmt: skip
    made = stack(
        _template(
            Bucket={"Type": "AWS::S3::Bucket"}, Role=_role("codebuild.amazonaws.com"),
            Project={"Type": "AWS::CodeBuild::Project", "Properties": project},
        )
    )  # fmt: skip
    fabric.need("pipelines")
    aws.codebuild.start_build(projectName=made["Project"].physical_id)
    fabric.run_until_idle(timeout=10)
    found = aws.s3.get_object(Bucket=made.bucket("Bucket"), Key="out/word.txt")["Body"].read()
    assert found == b"built\n"


@pytest.mark.capability("firehose")
def test_records_of_a_delivery_stream_end_as_one_object(stack: Any, fabric: Any, aws: Any) -> None:
    to = {
        "BucketARN": {"Fn::GetAtt": ["Bucket", "Arn"]}, "RoleARN": {"Fn::GetAtt": ["Role", "Arn"]},
        "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 5},
    }  # fmt: skip
    stream = {"DeliveryStreamType": "DirectPut", "ExtendedS3DestinationConfiguration": to}
    made = stack(
        _template(
            Bucket=BUCKET, Role=_role("firehose.amazonaws.com"),
            Stream={"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": stream},
        )
    )  # fmt: skip
    name, bucket = made["Stream"].physical_id, made["Bucket"].physical_id
    for data in (b"a", b"b"):
        aws.firehose.put_record(DeliveryStreamName=name, Record={"Data": data})
    fabric.run_until_idle(timeout=10)
    [found] = aws.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert aws.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read() == b"ab"


@pytest.mark.capability("iot")
def test_a_topic_rule_sends_what_it_selects(stack: Any, fabric: Any, aws: Any, bodies: Bodies) -> None:
    sqs = {"RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "QueueUrl": {"Ref": "Queue"}, "UseBase64": False}
    sql = "SELECT t FROM 'rooms/+' WHERE t > 30"
    payload = {"Sql": sql, "Actions": [{"Sqs": sqs}]}
    rule = {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": payload}}
    hears = _function(SEND, **SENDS, Events={"Room": {"Type": "IoTRule", "Properties": {"Sql": sql}}})
    made = stack(_template(Queue=QUEUE, Role=_role("iot.amazonaws.com"), Rule=rule, Hears=hears))
    for value in (20, 31):
        aws.iot_data.publish(topic="rooms/attic", payload=json.dumps({"t": value, "other": 1}).encode())
    fabric.run_until_idle(timeout=10)
    assert [json.loads(body) for body in bodies(made.queue("Queue"))] == [{"t": 31}] * 2


@pytest.mark.capability("schedules")
def test_a_schedule_sends_to_a_queue_at_its_time(stack: Any, fabric: Any, bodies: Bodies) -> None:
    target = {"Arn": ARN, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "Input": "now"}
    schedule = {
        "ScheduleExpression": "rate(1 hours)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target,
    }  # fmt: skip
    made = stack(
        _template(
            Queue=QUEUE, Role=_role("scheduler.amazonaws.com"),
            Hourly={"Type": "AWS::Scheduler::Schedule", "Properties": schedule},
        )
    )  # fmt: skip
    fabric.advance(2 * 3600)
    assert bodies(made.queue("Queue")) == ["now"] * 3  # the first when it is made
