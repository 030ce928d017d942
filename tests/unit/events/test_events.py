"""Events from PutEvents to the targets of rules."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from stackproof.errors import CapabilityMissing
from stackproof.fabric.service import ServiceError

ROLE = "arn:aws:iam::123456789012:role/rule"


def test_an_event_reaches_the_queue_of_a_rule_that_it_matches(estate):
    queue = estate.queue("orders")
    estate.rule(
        "orders", queue, EventPattern={"source": ["shop"], "detail": {"total": [{"numeric": [">", 5]}]}}
    )
    answer = estate.put({"total": 6}, Resources=["arn:x"])
    estate.put({"total": 5})
    (event,) = estate.bodies(queue)
    assert event == {
        "version": "0", "id": answer["Entries"][0]["EventId"], "detail-type": "Order", "source": "shop",
        "account": "123456789012", "time": "2026-01-01T00:00:00Z", "region": "us-east-1",
        "resources": ["arn:x"],
        "detail": {"total": 6},
    }  # fmt: skip
    assert list(event)[0:3] == ["version", "id", "detail-type"]


def function(estate, name="taker"):
    code = "import json\ndef handler(event, context):\n    print(json.dumps(event))\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", code)
    made = estate.aws("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
    )  # fmt: skip
    return made["FunctionArn"]


def test_a_function_runs_when_its_policy_lets_the_rule_in(estate):
    arn, dead = function(estate), estate.queue("dead")
    rule = estate.rule("run", {"Arn": arn, "DeadLetterConfig": {"Arn": dead}})
    estate.put()
    (message,) = estate.messages(dead)
    shown = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert shown["ERROR_CODE"] == "NO_PERMISSIONS"
    assert (shown["RULE_ARN"], shown["TARGET_ARN"]) == (rule, arn)
    assert "RETRY_ATTEMPTS" not in shown
    assert json.loads(message["Body"])["source"] == "shop"
    estate.aws("lambda").add_permission(
        FunctionName="taker", StatementId="rule", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=rule,
    )  # fmt: skip
    estate.put()
    estate.world.run_until_idle()
    assert len(estate.world.journal.entries(verb="lambda.Run", target="taker")) == 1
    assert estate.messages(dead) == []


def test_a_service_emits_on_the_default_bus(estate):
    queue = estate.queue("objects")
    estate.rule("objects", queue, EventPattern={"source": ["aws.s3"]})
    found = estate.world.service("events").emit("aws.s3", "Object Created", {"key": "a"}, ["arn:aws:s3:::b"])
    (event,) = estate.bodies(queue)
    assert (event["id"], event["detail"], event["resources"]) == (found, {"key": "a"}, ["arn:aws:s3:::b"])


def test_what_fails_for_a_while_is_tried_again(estate):
    queue = estate.queue("orders")
    estate.rule("orders", queue)
    failures = []

    def down(service, operation, params, caller):
        if operation == "SendMessage" and len(failures) < 3:
            failures.append(estate.world.clock.elapsed)
            raise ServiceError("ServiceUnavailable", "down", status=503)

    estate.world.guards.append(down)
    estate.put({"n": 1})
    assert [event["detail"] for event in estate.bodies(queue)] == [{"n": 1}]
    assert failures == [0, 1, 3]


@pytest.mark.parametrize(
    ("policy", "condition", "retries"),
    [
        ({"MaximumRetryAttempts": 2}, "MaximumRetryAttempts", "2"),
        ({"MaximumRetryAttempts": 0}, "MaximumRetryAttempts", "0"),
        ({"MaximumEventAgeInSeconds": 60}, "MaximumEventAgeInSeconds", "5"),
    ],
)
def test_what_is_tried_in_vain_goes_to_the_dead_letter_queue(estate, policy, condition, retries):
    queue, dead = estate.queue("orders"), estate.queue("dead")
    target = {"Arn": queue, "RetryPolicy": policy, "DeadLetterConfig": {"Arn": dead}, "InputPath": "$.detail"}
    estate.rule("orders", target)

    def down(service, operation, params, caller):
        if operation == "SendMessage" and params["QueueUrl"].endswith("/orders"):
            raise ServiceError("ServiceUnavailable", "down", status=503)

    estate.world.guards.append(down)
    estate.put({"n": 1})
    (message,) = estate.messages(dead)
    shown = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (shown["EXHAUSTED_RETRY_CONDITION"], shown["RETRY_ATTEMPTS"]) == (condition, retries)
    assert shown["ERROR_MESSAGE"] == "down"
    assert json.loads(message["Body"])["detail"] == {"n": 1}


def test_the_default_policy_tries_185_times_within_a_day(estate):
    queue, dead = estate.queue("orders"), estate.queue("dead")
    estate.rule("orders", {"Arn": queue, "DeadLetterConfig": {"Arn": dead}})

    def down(service, operation, params, caller):
        if operation == "SendMessage" and params["QueueUrl"].endswith("/orders"):
            raise ServiceError("ServiceUnavailable", "down", status=503)

    estate.world.guards.append(down)
    estate.put()
    estate.world.advance(86_400)
    (message,) = estate.messages(dead)
    assert message["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == "185"


def test_a_missing_queue_is_not_tried_again(estate):
    dead = estate.queue("dead")
    gone = "arn:aws:sqs:us-east-1:123456789012:gone"
    estate.rule("orders", {"Arn": gone, "DeadLetterConfig": {"Arn": dead}})
    estate.put()
    (message,) = estate.messages(dead)
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"
    assert estate.world.clock.elapsed == 0


def test_a_fifo_queue_gets_the_group_of_the_target(estate):
    queue = estate.queue("line.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    estate.rule("line", {"Arn": queue, "SqsParameters": {"MessageGroupId": "g"}})
    estate.put()
    (message,) = estate.messages(queue)
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_a_topic_a_stream_and_a_log_group_get_the_event(estate):
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
        "Resource": "*",
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    topic = estate.aws("sns").create_topic(Name="news", Attributes={"Policy": policy})["TopicArn"]
    queue = estate.queue("news")
    estate.aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    estate.aws("kinesis").create_stream(StreamName="stream", ShardCount=1)
    estate.world.advance(60)
    estate.aws("logs").create_log_group(logGroupName="/aws/events/all")
    stream = {
        "Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/stream", "RoleArn": ROLE,
        "KinesisParameters": {"PartitionKeyPath": "$.detail.key"},
    }  # fmt: skip
    estate.rule("all", topic, stream, "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/all")
    estate.put({"key": "k"})
    (note,) = estate.bodies(queue)
    event = json.loads(note["Message"])
    assert event["detail"] == {"key": "k"}
    kinesis = estate.aws("kinesis")
    shard = kinesis.describe_stream(StreamName="stream")["StreamDescription"]["Shards"][0]["ShardId"]
    at = kinesis.get_shard_iterator(StreamName="stream", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    (record,) = kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
    assert (record["PartitionKey"], json.loads(record["Data"])) == ("k", event)
    logs = estate.aws("logs").filter_log_events(logGroupName="/aws/events/all")["events"]
    assert [json.loads(line["message"]) for line in logs] == [event]


def test_a_delivery_stream_gets_the_event(estate):
    estate.aws("s3").create_bucket(Bucket="kept")
    estate.aws("firehose").create_delivery_stream(
        DeliveryStreamName="events",
        ExtendedS3DestinationConfiguration={"BucketARN": "arn:aws:s3:::kept", "RoleARN": ROLE},
    )
    arn = "arn:aws:firehose:us-east-1:123456789012:deliverystream/events"
    estate.rule("keep", {"Arn": arn, "RoleArn": ROLE, "InputPath": "$.detail"})
    estate.put({"n": 1})
    estate.world.run_until_idle()
    estate.world.advance(900)
    (entry,) = estate.aws("s3").list_objects_v2(Bucket="kept")["Contents"]
    body = estate.aws("s3").get_object(Bucket="kept", Key=entry["Key"])["Body"].read()
    assert body == b'{"n":1}'


def test_a_target_that_nobody_emulates_is_loud(estate):
    estate.rule("jobs", "arn:aws:batch:us-east-1:123456789012:job-queue/q")
    estate.put()
    with pytest.raises(CapabilityMissing, match="batch"):
        estate.world.run_until_idle()


def test_a_disabled_rule_sees_nothing(estate):
    queue = estate.queue("orders")
    estate.rule("orders", queue, State="DISABLED")
    estate.put()
    estate.events.enable_rule(Name="orders")
    estate.put({"n": 2})
    estate.events.disable_rule(Name="orders")
    estate.put()
    assert [event["detail"] for event in estate.bodies(queue)] == [{"n": 2}]


def test_a_world_taken_back_sends_its_events_again(estate):
    queue = estate.queue("orders")
    estate.rule("orders", queue)
    estate.put({"n": 1})
    saved = estate.world.snapshot()
    first = estate.texts(queue)
    estate.events.remove_targets(Rule="orders", Ids=["0"])
    estate.events.delete_rule(Name="orders")
    estate.world.restore(saved)
    assert estate.texts(queue) == first
    assert estate.events.list_rules()["Rules"][0]["Name"] == "orders"
