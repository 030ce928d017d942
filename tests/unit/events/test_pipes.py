"""Pipes from queues and streams through filters and functions to targets."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from functools import partial

import pytest

from stackproof.errors import CapabilityMissing
from stackproof.fabric.service import ServiceError

ROLE = "arn:aws:iam::123456789012:role/pipe"


@pytest.fixture
def pipe(estate):
    """``pipe(source, target, ...)``: a pipe ``p`` that runs."""

    def make(source, target, **params):
        client = estate.aws("pipes")
        made = client.create_pipe(Name="p", RoleArn=ROLE, Source=source, Target=target, **params)
        assert made["CurrentState"] == "CREATING"
        estate.world.run_until_idle()
        assert client.describe_pipe(Name="p")["CurrentState"] == "RUNNING"
        return made["Arn"]

    return make


@pytest.fixture
def function(estate):
    """``function(name, code)``: its ARN."""

    def make(name, code):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("app.py", code)
        made = estate.aws("lambda").create_function(
            FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
        )  # fmt: skip
        return made["FunctionArn"]

    return make


def send(estate, queue, *bodies, **more):
    url = estate.sqs.get_queue_url(QueueName=queue.rsplit(":", 1)[-1])["QueueUrl"]
    for body in bodies:
        text = body if isinstance(body, str) else json.dumps(body)
        estate.sqs.send_message(QueueUrl=url, MessageBody=text, **more)


def waiting(estate, queue):
    url = estate.sqs.get_queue_url(QueueName=queue.rsplit(":", 1)[-1])["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = estate.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


def test_a_filtered_template_goes_from_queue_to_queue(estate, pipe):
    source, target = estate.queue("in"), estate.queue("out")
    who = "<$.messageAttributes.who.stringValue>"
    template = f'{{"id": <$.body.id>, "note": "from {who} by <aws.pipes.pipe-name>"}}'
    pipe(
        source, target, TargetParameters={"InputTemplate": template},
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["a"]}}'}]}},
    )  # fmt: skip
    who = {"who": {"DataType": "String", "StringValue": "me"}}
    send(estate, source, {"id": 1, "kind": "a"}, {"id": 2, "kind": "b"}, MessageAttributes=who)
    assert estate.bodies(target) == [{"id": 1, "note": "from me by p"}]
    assert waiting(estate, source) == 0


def test_without_a_template_the_record_itself_goes_on(estate, pipe):
    source, target = estate.queue("in"), estate.queue("out")
    pipe(source, target)
    send(estate, source, "hello")
    (record,) = estate.bodies(target)
    assert (record["body"], record["eventSource"], record["eventSourceARN"]) == ("hello", "aws:sqs", source)


ENRICH = """
import json
def handler(events, context):
    return [{"n": json.loads(event["body"])["n"] * 2} for event in events if '"n"' in event["body"]]
"""


def test_an_enrichment_changes_and_drops_events(estate, pipe, function):
    source, target = estate.queue("in"), estate.queue("out")
    pipe(source, target, Enrichment=function("double", ENRICH))
    send(estate, source, {"n": 1}, {"x": 1}, {"n": 3})
    assert sorted(body["n"] for body in estate.bodies(target)) == [2, 6]
    assert waiting(estate, source) == 0


def test_a_failing_enrichment_leaves_the_message_to_the_queue(estate, pipe, function):
    dead = estate.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    source = estate.queue("in", RedrivePolicy=redrive, VisibilityTimeout="30")
    target = estate.queue("out")
    pipe(source, target, Enrichment=function("broken", "def handler(e, c): raise ValueError('no')\n"))
    send(estate, source, "hello")
    estate.world.run_until_idle()
    assert estate.texts(dead) == ["hello"]
    assert estate.texts(target) == []
    assert len(estate.world.journal.entries(verb="lambda.Run", target="broken")) == 2


NAMES = """
def handler(events, context):
    return {"batchItemFailures": [{"itemIdentifier": e["messageId"]} for e in events if e["body"] == "bad"]}
"""


def test_a_function_as_target_names_what_failed(estate, pipe, function):
    dead = estate.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    source = estate.queue("in", RedrivePolicy=redrive)
    pipe(source, function("taker", NAMES), SourceParameters={"SqsQueueParameters": {"BatchSize": 10}})
    send(estate, source, "good", "bad", "fine")
    estate.world.run_until_idle()
    assert estate.texts(dead) == ["bad"]


def test_only_what_was_not_delivered_comes_again(estate, pipe):
    source, target = estate.queue("in", VisibilityTimeout="60"), estate.queue("out")
    failed = []

    def guard(service, operation, params, caller):
        if operation == "SendMessage" and '"body":"b"' in params["MessageBody"] and not failed:
            failed.append(caller.arn)
            raise ServiceError("ServiceUnavailable", "down", status=503)

    pipe(source, target, SourceParameters={"SqsQueueParameters": {"MaximumBatchingWindowInSeconds": 1}})
    estate.world.guards.append(guard)
    send(estate, source, "a", "b", "c")
    assert [record["body"] for record in estate.bodies(target)] == ["a", "c", "b"]
    assert failed == ["arn:aws:sts::123456789012:assumed-role/pipe/p"]


def test_a_bus_gets_events_with_a_source_of_their_own(estate, pipe):
    source, target = estate.queue("in"), estate.queue("out")
    estate.rule("r", target, EventPattern={"detail-type": ["new"]})
    bus = {"DetailType": "$.body.kind", "Source": "orders"}
    pipe(
        source, "arn:aws:events:us-east-1:123456789012:event-bus/default",
        TargetParameters={"EventBridgeEventBusParameters": bus, "InputTemplate": "<$.body>"},
    )  # fmt: skip
    send(estate, source, {"kind": "old"}, {"kind": "new"})
    assert [event["source"] for event in estate.bodies(target)] == []
    estate.aws("pipes").update_pipe(
        Name="p", RoleArn=ROLE, TargetParameters={"EventBridgeEventBusParameters": {"DetailType": "new"}}
    )
    estate.world.run_until_idle()
    send(estate, source, {"kind": "x"})
    (event,) = estate.bodies(target)
    assert (event["source"], json.loads(event["detail"]["body"])) == ("Pipe p", {"kind": "x"})


def test_a_stream_keeps_its_order_and_buries_what_fails(estate, pipe, function):
    estate.aws("kinesis").create_stream(StreamName="s", ShardCount=1)
    estate.world.advance(60)
    dead, target = estate.queue("dead"), estate.queue("out")
    stream = {
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 1,
        "DeadLetterConfig": {"Arn": dead},
    }
    code = (
        "def handler(events, context):\n"
        "    if 'poison' in [event['partitionKey'] for event in events]:\n"
        "        raise OSError\n"
        "    return events\n"
    )
    arn = pipe(
        "arn:aws:kinesis:us-east-1:123456789012:stream/s", target, Enrichment=function("look", code),
        SourceParameters={"KinesisStreamParameters": stream},
        TargetParameters={"InputTemplate": '{"n": <$.data.n>, "key": <$.partitionKey>}'},
    )  # fmt: skip
    for number, key in enumerate(["a", "poison", "b"]):
        estate.aws("kinesis").put_record(
            StreamName="s", PartitionKey=key, Data=json.dumps({"n": number}).encode()
        )
        estate.world.run_until_idle()
    assert estate.bodies(target) == [{"n": 0, "key": "a"}, {"n": 2, "key": "b"}]
    (buried,) = estate.bodies(dead)
    assert buried["context"] == {"partnerResourceArn": arn, "condition": "RetryAttemptsExhausted"}
    assert buried["KinesisBatchInfo"]["batchSize"] == 1


def test_latest_begins_with_what_comes_after_the_pipe_was_made(estate, pipe):
    estate.aws("kinesis").create_stream(StreamName="s", ShardCount=1)
    estate.world.advance(60)
    target = estate.queue("out")
    put = partial(estate.aws("kinesis").put_record, StreamName="s", PartitionKey="a")
    put(Data=b"before")
    pipe(
        "arn:aws:kinesis:us-east-1:123456789012:stream/s", target,
        SourceParameters={"KinesisStreamParameters": {"StartingPosition": "LATEST"}},
    )  # fmt: skip
    put(Data=b"after")
    estate.world.run_until_idle()
    assert [base64.b64decode(body["data"]) for body in estate.bodies(target)] == [b"after"]


def test_changes_of_a_table_go_through_a_pipe(estate, pipe):
    table = estate.aws("dynamodb").create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]  # fmt: skip
    target = estate.queue("out")
    template = '{"what": <$.eventName>, "id": <$.dynamodb.Keys.id.S>}'
    stream = {"StartingPosition": "LATEST"}
    pipe(
        table["LatestStreamArn"], target, TargetParameters={"InputTemplate": template},
        SourceParameters={"DynamoDBStreamParameters": stream},
    )  # fmt: skip
    estate.aws("dynamodb").put_item(TableName="t", Item={"id": {"S": "1"}})
    assert estate.bodies(target) == [{"what": "INSERT", "id": "1"}]


def test_a_pipe_that_is_stopped_leaves_messages_where_they_are(estate, pipe, refused):
    source, target = estate.queue("in"), estate.queue("out")
    pipe(source, target)
    client = estate.aws("pipes")
    assert client.stop_pipe(Name="p")["CurrentState"] == "STOPPING"
    estate.world.run_until_idle()
    send(estate, source, "hello")
    assert estate.texts(target) == []
    assert refused(client.stop_pipe, Name="p")[0] == "ConflictException"
    client.start_pipe(Name="p")
    assert len(estate.texts(target)) == 1
    client.delete_pipe(Name="p")
    send(estate, source, "again")
    assert estate.texts(target) == []
    assert refused(client.describe_pipe, Name="p")[0] == "NotFoundException"


def test_a_target_that_nobody_emulates_is_loud(estate, pipe):
    source = estate.queue("in")
    pipe(source, "arn:aws:ecs:us-east-1:123456789012:cluster/c")
    send(estate, source, "hello")
    with pytest.raises(CapabilityMissing, match="ecs"):
        estate.world.run_until_idle()


@pytest.mark.parametrize(
    ("source", "parameters"),
    [
        ("arn:aws:mq:us-east-1:123456789012:broker:b:1", {}),
        ("arn:aws:sqs:us-east-1:123456789012:nowhere", {}),
        ("arn:aws:sqs:us-east-1:123456789012:in", {"FilterCriteria": {"Filters": [{"Pattern": '{"a": 1}'}]}}),
        ("arn:aws:sqs:us-east-1:123456789012:in", {"SqsQueueParameters": {"BatchSize": 100}}),
    ],
)
def test_a_source_that_cannot_be_polled_is_refused(estate, refused, source, parameters):
    estate.queue("in")
    params = {"Name": "p", "RoleArn": ROLE, "Source": source, "Target": "arn:aws:sqs:us-east-1:1:q"}
    client = estate.aws("pipes")
    assert refused(client.create_pipe, SourceParameters=parameters, **params)[0] == "ValidationException"


def test_a_world_taken_back_keeps_its_pipes(estate, pipe):
    source, target = estate.queue("in"), estate.queue("out")
    pipe(source, target)
    saved = estate.world.snapshot()
    for _ in range(2):
        send(estate, source, "hello")
        assert len(estate.texts(target)) == 1
        estate.world.restore(saved)
    estate.aws("pipes").delete_pipe(Name="p")
    estate.world.restore(saved)
    assert [one["Name"] for one in estate.aws("pipes").list_pipes()["Pipes"]] == ["p"]
