"""Records drawn for a deployed stream reach its function, in the shape that Powertools' models take."""

from __future__ import annotations

import json

from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel, KinesisDataStreamModel
from hypothesis import HealthCheck, given, settings

from stackproof.proofs.strategies import strategies

relaxed = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
}


def template(pattern=None):
    function = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::123456789012:role/any",
        "Code": {"ZipFile": "def handler(event, context):\n    return None\n"},
    }
    resources = {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 8}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": TABLE},
    }
    for source, attribute in (("Stream", "Arn"), ("Table", "StreamArn")):
        properties = {
            "FunctionName": {"Ref": "Function"},
            "EventSourceArn": {"Fn::GetAtt": [source, attribute]},
            "StartingPosition": "TRIM_HORIZON",
        }
        if pattern is not None and source == "Stream":
            properties["FilterCriteria"] = {"Filters": [{"Pattern": json.dumps({"data": pattern})}]}
        resources[f"From{source}"] = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
    return {"Resources": resources}


def seen(fabric):
    """The events of every invocation that ended."""
    found = []
    fabric.world.service("lambda").observers.append(lambda done: found.append(json.loads(done.payload)))
    return found


def test_records_pass_the_filter_of_the_streams_mapping(stack, aws, fabric):
    made = stack(template({"kind": [{"prefix": "order"}]}))
    events = seen(fabric)

    @relaxed
    @given(record=strategies(made).records("Stream"))
    def holds(record):
        events.clear()
        aws.kinesis.put_record(**record)
        fabric.run_until_idle()
        (event,) = events
        assert KinesisDataStreamModel.model_validate(event).Records[0].kinesis.data == record["Data"]

    holds()


def test_near_records_are_taken_by_the_stream(stack, aws, fabric):
    drawn = strategies(stack(template()))

    @relaxed
    @given(record=drawn.near_records("Stream"))
    def holds(record):
        aws.kinesis.put_record(**record)

    holds()


def test_items_reach_the_function_as_changes_of_the_table(stack, aws, fabric):
    made = stack(template())
    events = seen(fabric)

    @relaxed
    @given(item=strategies(made).items("Table"))
    def holds(item):
        events.clear()
        key = {"TableName": item["TableName"], "Key": {"id": item["Item"]["id"]}}
        aws.dynamodb.delete_item(**key)
        aws.dynamodb.put_item(**item)
        fabric.run_until_idle()
        records = [record for event in events for record in DynamoDBStreamModel.model_validate(event).Records]
        assert records[-1].eventName == "INSERT"
        assert set(records[-1].dynamodb.NewImage) == set(item["Item"])

    holds()
