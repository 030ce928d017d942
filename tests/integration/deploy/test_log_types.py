"""Subscription and metric filters, delivery streams, the catalogue: deployed, driven, changed, deleted."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from stackproof.errors import DeploymentFailed

CODE = "def handler(event, context):\n    print('heard', event['awslogs']['data'])\n"
GROUP = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/app"}}


def listening(function, *, principal="logs.amazonaws.com"):
    """A group and a function that may listen to it."""
    function["Function"]["Properties"]["Code"]["ZipFile"] = CODE
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": principal,
            "SourceArn": {"Fn::GetAtt": ["Group", "Arn"]},
        },
    }
    subscription = {
        "Type": "AWS::Logs::SubscriptionFilter",
        "DependsOn": "Permission",
        "Properties": {
            "LogGroupName": {"Ref": "Group"},
            "FilterPattern": "ERROR",
            "DestinationArn": {"Fn::GetAtt": ["Function", "Arn"]},
        },
    }
    return {"Resources": {"Group": GROUP, **function, "Permission": permission, "It": subscription}}


def say(aws, fabric, *messages):
    events = [{"timestamp": fabric.world.clock.ms, "message": message} for message in messages]
    aws.logs.put_log_events(logGroupName="/app", logStreamName="s", logEvents=events)
    fabric.run_until_idle()


def heard(aws, made):
    group = f"/aws/lambda/{made.function('Function')}"
    found = []
    for one in aws.logs.filter_log_events(logGroupName=group, filterPattern="heard")["events"]:
        body = json.loads(gzip.decompress(base64.b64decode(one["message"].split()[1])))
        found += [event["message"] for event in body["logEvents"]]
    return found


def test_a_subscription_reaches_its_function_and_follows_its_pattern(stack, aws, fabric, function):
    template = listening(function)
    made = stack(template).require("emulated")
    aws.logs.create_log_stream(logGroupName="/app", logStreamName="s")
    say(aws, fabric, "ERROR 1", "WARN 1")
    assert heard(aws, made) == ["ERROR 1"]
    changed = {**template["Resources"]["It"]}
    changed["Properties"] = {**changed["Properties"], "FilterPattern": "WARN"}
    made.update({"Resources": {**template["Resources"], "It": changed}})
    say(aws, fabric, "ERROR 2", "WARN 2")
    assert heard(aws, made) == ["ERROR 1", "WARN 2"]
    made.update({"Resources": {name: one for name, one in template["Resources"].items() if name != "It"}})
    assert aws.logs.describe_subscription_filters(logGroupName="/app")["subscriptionFilters"] == []


def test_a_function_that_lets_nobody_in_gets_no_subscription(stack, function):
    with pytest.raises(DeploymentFailed, match="Could not execute the lambda function"):
        stack(listening(function, principal="events.amazonaws.com"))


def test_a_metric_filter_counts(one, changed, aws, fabric):
    transformation = {
        "MetricName": "latency",
        "MetricNamespace": "App",
        "MetricValue": "$.ms",
        "Dimensions": [{"Key": "Path", "Value": "$.path"}],
    }
    made = one(
        "AWS::Logs::MetricFilter", {"Group": GROUP}, LogGroupName={"Ref": "Group"},
        FilterPattern="{ $.ms > 0 }", MetricTransformations=[transformation],
    ).require("emulated")  # fmt: skip
    aws.logs.create_log_stream(logGroupName="/app", logStreamName="s")
    say(aws, fabric, '{"ms": 5, "path": "/"}', '{"ms": 0, "path": "/"}')
    puts = fabric.journal.entries(verb="cloudwatch.PutMetricData")
    assert [json.loads(entry.detail)["MetricData"][0]["Value"] for entry in puts] == [5]
    changed(made, FilterPattern="{ $.ms > 9 }")
    say(aws, fabric, '{"ms": 5, "path": "/"}')
    assert len(fabric.journal.entries(verb="cloudwatch.PutMetricData")) == 1
    made.delete()
    assert aws.logs.describe_metric_filters()["metricFilters"] == []


ROLE_ARN = "arn:aws:iam::123456789012:role/delivers"
LAKE = {"Lake": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "lake-of-the-test"}}}


def destination(**more):
    return {"BucketARN": {"Fn::GetAtt": ["Lake", "Arn"]}, "RoleARN": ROLE_ARN, **more}


def test_a_delivery_stream_delivers_and_changes_its_destination(one, changed, aws, fabric, refused):
    first = destination(Prefix="a/", BufferingHints={"IntervalInSeconds": "60", "SizeInMBs": "1"})
    tags = [{"Key": "a", "Value": "1"}]
    made = one(
        "AWS::KinesisFirehose::DeliveryStream", LAKE, Tags=tags, ExtendedS3DestinationConfiguration=first
    )
    made.require("emulated")
    name = made["It"].physical_id
    put = {"DeliveryStreamName": name, "Record": {"Data": b"x"}}
    aws.firehose.put_record(**put)
    fabric.run_until_idle()
    changed(made, ExtendedS3DestinationConfiguration=destination(Prefix="b/", CompressionFormat="GZIP"))
    aws.firehose.put_record(**put)
    fabric.run_until_idle()
    keys = [entry["Key"] for entry in aws.s3.list_objects_v2(Bucket="lake-of-the-test")["Contents"]]
    assert [(key[:2], key.endswith(".gz")) for key in keys] == [("a/", False), ("b/", True)]
    found = aws.firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    assert (found["VersionId"], found["DeliveryStreamARN"]) == ("2", made["It"].arn)
    for key in keys:
        aws.s3.delete_object(Bucket="lake-of-the-test", Key=key)
    made.delete()
    assert (
        refused(aws.firehose.describe_delivery_stream, DeliveryStreamName=name) == "ResourceNotFoundException"
    )


BACKUP = {"BucketARN": "arn:aws:s3:::b", "RoleARN": "arn:aws:iam::123456789012:role/r"}


@pytest.mark.parametrize(
    "wanted",
    [
        {
            "SplunkDestinationConfiguration": {
                "HECEndpoint": "https://example.com",
                "HECEndpointType": "Raw",
                "S3Configuration": BACKUP,
            }
        },
        {
            "HttpEndpointDestinationConfiguration": {
                "EndpointConfiguration": {"Url": "https://example.com"},
                "S3Configuration": BACKUP,
            }
        },
    ],
    ids=["splunk", "http"],
)
def test_a_delivery_stream_to_elsewhere_is_not_emulated_and_says_so(one, wanted):
    made = one("AWS::KinesisFirehose::DeliveryStream", **wanted)
    assert str(made["It"].verdict.level) == "not emulated"
    assert next(iter(wanted)) in str(made["It"].verdict)


def test_what_firehose_cannot_do_here_is_said(one):
    wanted = destination(CompressionFormat="Snappy")
    made = one("AWS::KinesisFirehose::DeliveryStream", LAKE, ExtendedS3DestinationConfiguration=wanted)
    assert str(made["It"].verdict.level) == "not emulated"
    assert "Snappy" in str(made["It"].verdict)


def test_a_catalogue_has_databases_and_tables(one, changed, aws, refused):
    wanted = {"CatalogId": {"Ref": "AWS::AccountId"}, "DatabaseInput": {"Name": "lake"}}
    base = {"Base": {"Type": "AWS::Glue::Database", "Properties": wanted}}
    columns = [{"Name": "id", "Type": "string"}]
    table = {"Name": "rows", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {"Columns": columns}}
    place = {"CatalogId": {"Ref": "AWS::AccountId"}, "DatabaseName": {"Ref": "Base"}}
    made = one("AWS::Glue::Table", base, **place, TableInput=table).require("emulated")
    assert made["It"].physical_id == "rows"
    changed(made, TableInput={**table, "Parameters": {"a": "1"}})
    found = aws.glue.get_table(DatabaseName="lake", Name="rows")["Table"]
    assert found["Parameters"]["a"] == "1"
    assert [one["Name"] for one in found["StorageDescriptor"]["Columns"]] == ["id"]
    made.delete()
    assert refused(aws.glue.get_database, Name="lake") == "EntityNotFoundException"


def test_work_groups_and_queries_are_kept(one, changed, aws):
    group = {"Work": {"Type": "AWS::Athena::WorkGroup", "Properties": {
        "Name": "analysts", "RecursiveDeleteOption": True,
        "WorkGroupConfiguration": {"ResultConfiguration": {"OutputLocation": "s3://results/"}},
    }}}  # fmt: skip
    made = one(
        "AWS::Athena::NamedQuery", group, Database="lake", QueryString="SELECT 1", WorkGroup={"Ref": "Work"}
    )
    first = made["It"].physical_id
    assert aws.athena.get_named_query(NamedQueryId=first)["NamedQuery"]["WorkGroup"] == "analysts"
    changed(made, QueryString="SELECT 2")
    assert made["It"].physical_id != first
    found = aws.athena.get_named_query(NamedQueryId=made["It"].physical_id)["NamedQuery"]
    assert found["QueryString"] == "SELECT 2"
    made.delete()
