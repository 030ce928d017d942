"""What was asked of Kinesis data streams as event sources of functions."""

from __future__ import annotations

import json
from typing import Any

import functions
import stream_functions as streams
from stage import Stage, recordings, scenario

SOURCE = "kinesis-event-source"


def make(s: Stage) -> tuple[str, str]:
    """Name and ARN of a new stream of one shard."""
    client, name = s.backend.client("kinesis"), s.fresh("stream")
    client.create_stream(StreamName=name, ShardCount=1)
    arn = client.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    return name, arn


def connect(s: Stage, arn: str, function: str, **settings: Any) -> Any:
    return s.backend.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function, **settings
    )


def put(s: Stage, stream: str, *records: tuple[str, str]) -> None:
    """Put (data, partition key) pairs in one call."""
    entries = [{"Data": data.encode(), "PartitionKey": key} for data, key in records]
    s.backend.client("kinesis").put_records(StreamName=stream, Records=entries)


def numbered(key: str) -> list[tuple[str, str]]:
    return [(json.dumps({"record_id": number}), key) for number in range(10)]


@scenario(SOURCE, "test_create_kinesis_event_source_mapping")
def ten_records_in_one_batch(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    stream, arn = make(s)
    s.match("create_event_source_mapping_response", connect(s, arn, name, StartingPosition="LATEST"))
    s.settle()
    put(s, stream, *[("hello", f"test_{number}") for number in range(10)])
    s.match("kinesis_records", streams.events(s, name)[0])


@scenario(SOURCE, "test_create_kinesis_event_source_mapping_multiple_lambdas_single_kinesis_event_stream")
def two_functions_read_one_stream(s: Stage) -> None:
    stream, arn = make(s)
    names = {letter: functions.create(s, functions.ECHO)["FunctionName"] for letter in "ab"}
    for letter, name in names.items():
        made = connect(s, arn, name, StartingPosition="TRIM_HORIZON")
        s.match(f"create_event_source_mapping_response-{letter}", made)
    put(s, stream, ("hello", "test_1"))
    for letter, name in names.items():
        s.match(f"kinesis_records-{letter}", streams.events(s, name)[0])


@scenario(SOURCE, "test_duplicate_event_source_mappings")
def one_mapping_for_a_stream_and_a_function(s: Stage) -> None:
    _, arn = make(s)
    name = functions.create(s, functions.ECHO)["FunctionName"]
    s.match("create", connect(s, arn, name, StartingPosition="LATEST"))
    s.match("error", s.error(lambda **_: connect(s, arn, name, StartingPosition="LATEST")))
    connect(s, arn, functions.create(s, functions.ECHO)["FunctionName"], StartingPosition="LATEST")


@scenario(SOURCE, "test_esm_with_not_existing_kinesis_stream")
def a_stream_that_is_not_there(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    arn = "arn:aws:kinesis:us-east-1:111111111111:stream/test-foobar-81ded7e8"
    s.match("error", s.error(lambda **_: connect(s, arn, name, StartingPosition="LATEST")))


@scenario(SOURCE, "test_kinesis_event_source_mapping_with_async_invocation")
def batches_one_after_the_other(s: Stage) -> None:
    name = functions.create(s, streams.SLOW)["FunctionName"]
    stream, arn = make(s)
    made = connect(s, arn, name, StartingPosition="LATEST", BatchSize=10)
    s.match("create_event_source_mapping_response", made)
    s.settle()
    for number in range(2):
        put(s, stream, *numbered(f"test_{number}"))
    s.match("invocation_events", functions.printed(s, name))


@scenario(SOURCE, "test_kinesis_event_source_trim_horizon")
def what_was_there_before_the_mapping(s: Stage) -> None:
    name = functions.create(s, streams.SLOW)["FunctionName"]
    stream, arn = make(s)
    for number in range(2):
        put(s, stream, *numbered(f"test_{number}"))
    made = connect(s, arn, name, StartingPosition="TRIM_HORIZON", BatchSize=10)
    s.match("create_event_source_mapping_response", made)
    put(s, stream, *numbered("test_3"))
    s.match("invocation_events", functions.printed(s, name))


@scenario(SOURCE, "test_kinesis_event_source_mapping_with_s3_on_failure_destination")
def what_is_given_up_lies_in_a_bucket(s: Stage) -> None:
    name = functions.create(s, streams.RAISE_ON_RECORD)["FunctionName"]
    stream, arn = make(s)
    bucket, s3 = s.fresh("bucket"), s.backend.client("s3")
    s3.create_bucket(Bucket=bucket)
    made = connect(
        s, arn, name, BatchSize=1, StartingPosition="TRIM_HORIZON", MaximumBatchingWindowInSeconds=1,
        MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )  # fmt: skip
    s.match("create_event_source_mapping_response", made)
    put(s, stream, (json.dumps({"input": "hello", "value": "world", "raise_error": 1}), "custom"))
    s.settle()
    (entry,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    s.match("record_body", json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()))


def with_destination(s: Stage, arn: str, name: str, **settings: Any) -> str:
    """Connect with a queue as the destination; answers the queue's URL."""
    url = s.queue()
    made = connect(
        s, arn, name, StartingPosition="TRIM_HORIZON", MaximumBatchingWindowInSeconds=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": s.arn(url)}}, **settings,
    )  # fmt: skip
    s.match("create_event_source_mapping_response", made)
    return url


@scenario(SOURCE, "test_kinesis_report_batch_item_failures")
def only_the_failed_record_is_tried_again(s: Stage) -> None:
    name = functions.create(s, streams.FAIL_MARKED)["FunctionName"]
    stream, arn = make(s)
    url = with_destination(s, arn, name, BatchSize=3, MaximumRetryAttempts=3)
    put(s, stream, *[(json.dumps({"should_fail": n == 5}), f"test_{n}") for n in range(6)])
    s.match("sqs_payload", streams.failed_at(s, url))
    records = [record for event in streams.events(s, name) for record in event["Records"]]
    records.sort(key=lambda record: record["kinesis"]["partitionKey"])
    s.match("kinesis_records", {"Records": records})


CASES = tuple(recordings(SOURCE))


@scenario(SOURCE, *[name for name in CASES if name.startswith("test_kinesis_report_batch_item_failure_sc")])
def an_answer_that_fails_the_batch(s: Stage) -> None:
    name = functions.create(s, streams.answering(streams.ANSWERS[s.case]))["FunctionName"]
    stream, arn = make(s)
    url = with_destination(s, arn, name, BatchSize=1, MaximumRetryAttempts=2)
    put(s, stream, ("hello", "test"))
    s.match("sqs_payload", streams.failed_at(s, url))
    s.match("kinesis_events", streams.events(s, name))


@scenario(SOURCE, *[name for name in CASES if name.startswith("test_kinesis_report_batch_item_success_sc")])
def an_answer_that_is_a_success(s: Stage) -> None:
    name = functions.create(s, streams.answering(streams.ANSWERS[s.case]))["FunctionName"]
    stream, arn = make(s)
    made = connect(
        s, arn, name, BatchSize=1, StartingPosition="TRIM_HORIZON", MaximumBatchingWindowInSeconds=1,
        FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=2,
    )  # fmt: skip
    s.match("create_event_source_mapping_response", made)
    put(s, stream, ("hello", "test"))
    s.match("kinesis_events", streams.events(s, name))
