"""What was asked of the streams of tables as event sources of functions."""

from __future__ import annotations

import json
from typing import Any

import functions
import stream_functions as streams
from stage import Stage, recordings, scenario

SOURCE = "dynamodbstreams-event-source"
KEY = "my_partition_key"
BINARY = {KEY: {"S": "hello world"}, "binary_key": {"B": b"foobar"}}
CASES = tuple(name for name, content in recordings(SOURCE).items() if content)


def cases(start: str) -> tuple[str, ...]:
    return tuple(name for name in CASES if name.startswith(f"{start}["))


def table(s: Stage, key: str = KEY, view: str = "") -> Any:
    """CreateTable's answer for a new table."""
    settings: dict[str, Any] = {}
    if view:
        settings["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    return s.backend.client("dynamodb").create_table(
        TableName=s.fresh("table"), BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}], **settings,
    )  # fmt: skip


def name_of(answer: Any) -> str:
    return str(answer["TableDescription"]["TableName"])


def switched_on(s: Stage, name: str, view: str = "NEW_IMAGE") -> Any:
    """UpdateTable's answer when the stream is switched on."""
    specification = {"StreamEnabled": True, "StreamViewType": view}
    return s.backend.client("dynamodb").update_table(TableName=name, StreamSpecification=specification)


def stream_of(answer: Any) -> str:
    return str(answer["TableDescription"]["LatestStreamArn"])


def connect(s: Stage, arn: str, function: str, **settings: Any) -> Any:
    given = {"StartingPosition": "TRIM_HORIZON", **settings}
    return s.backend.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function, **given
    )


def put(s: Stage, name: str, item: dict[str, Any]) -> None:
    s.backend.client("dynamodb").put_item(TableName=name, Item=item)


@scenario(SOURCE, "test_dynamodb_event_source_mapping")
def an_item_with_bytes(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    made = table(s)
    s.match("create-table-result", made)
    arn = stream_of(switched_on(s, name_of(made)))
    answer = connect(s, arn, name, BatchSize=1, MaximumBatchingWindowInSeconds=1, MaximumRetryAttempts=1)
    s.match("create_event_source_mapping_response", answer)
    put(s, name_of(made), BINARY)
    s.match("event_logs", streams.events(s, name))


@scenario(SOURCE, "test_duplicate_event_source_mappings")
def one_mapping_for_a_table_and_a_function(s: Stage) -> None:
    made = table(s)
    s.match("create-table-result", made)
    arn = stream_of(switched_on(s, name_of(made)))
    name = functions.create(s, functions.ECHO)["FunctionName"]
    settings = {"MaximumBatchingWindowInSeconds": 1, "MaximumRetryAttempts": 1}
    s.match("create", connect(s, arn, name, **settings))
    s.match("error", s.error(lambda **_: connect(s, arn, name, **settings)))
    connect(s, arn, functions.create(s, functions.ECHO)["FunctionName"], **settings)


@scenario(SOURCE, "test_disabled_dynamodb_event_source_mapping")
def a_mapping_that_is_switched_off(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    made = table(s, "id", "NEW_IMAGE")
    s.match("dynamodb_create_table_result", made)
    mapping = connect(s, stream_of(made), name, MaximumBatchingWindowInSeconds=1)
    s.match("create_event_source_mapping_result", mapping)
    put(s, name_of(made), {"id": {"S": "1"}, "data": {"S": "data1"}})
    s.settle()
    update = s.backend.client("lambda").update_event_source_mapping
    s.match("update_event_source_mapping_result", update(UUID=mapping["UUID"], Enabled=False))
    put(s, name_of(made), {"id": {"S": "2"}, "data": {"S": "data2"}})
    assert len(streams.events(s, name)) == 1


@scenario(SOURCE, "test_deletion_event_source_mapping_with_dynamodb")
def a_mapping_whose_table_is_gone(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    made = table(s, "id", "NEW_IMAGE")
    s.match("create_dynamodb_table_response", made)
    s.match("create_event_source_mapping_result", connect(s, stream_of(made), name))
    s.backend.client("dynamodb").delete_table(TableName=name_of(made))
    listed = s.backend.client("lambda").list_event_source_mappings(EventSourceArn=stream_of(made))
    s.match("list_event_source_mapping_result", listed)


@scenario(SOURCE, "test_esm_with_not_existing_dynamodb_stream")
def a_stream_that_is_not_there(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    home = "arn:aws:dynamodb:us-east-1:111111111111:table/test-table-4a53f4e8"
    arn = f"{home}/stream/2025-02-22T03:03:25.490"
    s.match("error", s.error(lambda **_: connect(s, arn, name)))


def failing(s: Stage, destination: str) -> tuple[str, str]:
    """Table and function, connected so that what is given up goes to the destination."""
    name = functions.create(s, streams.answering(ZeroDivisionError))["FunctionName"]
    made = table(s)
    s.match("create_table_response", made)
    updated = switched_on(s, name_of(made))
    s.match("update_table_response", updated)
    answer = connect(
        s, stream_of(updated), name, BatchSize=1, MaximumBatchingWindowInSeconds=1, MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": destination}},
    )  # fmt: skip
    s.match("create_event_source_mapping_response", answer)
    put(s, name_of(made), {KEY: {"S": "hello world"}})
    return name_of(made), name


@scenario(SOURCE, "test_dynamodb_event_source_mapping_with_on_failure_destination_config")
def what_is_given_up_goes_to_a_queue(s: Stage) -> None:
    url = s.queue()
    failing(s, s.arn(url))
    s.match("destination_queue_messages", streams.failed_at(s, url))


@scenario(SOURCE, "test_dynamodb_event_source_mapping_with_s3_on_failure_destination")
def what_is_given_up_lies_in_a_bucket(s: Stage) -> None:
    bucket, s3 = s.fresh("bucket"), s.backend.client("s3")
    s3.create_bucket(Bucket=bucket)
    failing(s, f"arn:aws:s3:::{bucket}")
    s.settle()
    (entry,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    s.match("record_body", json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()))


SECOND: dict[str, dict[str, Any]] = {
    "insert_same_entry_twice": {"id": {"S": "id_value"}, "id2": {"S": "id2_value"}},
    "content_or_filter": {"id": {"S": "id_value"}, "id2": {"S": "id2_new_value"}},
    "content_multiple_filters": {"id": {"S": "id_value"}, "id2": {"S": "id2_new_value"}},
    "content_filter_type": {"id": {"S": "id_value_2"}},
    "exists_filter_type": {"id": {"S": "id_value_2"}},
    "exists_false_filter": {"id": {"S": "id_value_2"}, "presentKey": {"S": "presentValue"}},
    "numeric_filter": {"id": {"S": "id_value_2"}, "numericFilter": {"N": "101"}},
    "prefix_filter": {"id": {"S": "id_value_1"}, "prefix": {"S": "other-suffix"}},
}
"""The item that was put second; the first one stands in the recording."""


@scenario(SOURCE, *cases("test_dynamodb_event_filter"))
def a_filter_on_changes(s: Stage) -> None:
    recorded = recordings(SOURCE)[s.name]
    criteria = recorded["create_event_source_mapping_response"]["FilterCriteria"]["Filters"][0]["Pattern"]
    first = recorded["lambda-log-events"][0]["Records"][0]["dynamodb"]["NewImage"]
    name = functions.create(s, functions.ECHO)["FunctionName"]
    made = table(s, "id")
    s.match("table_creation_response", made)
    arn = stream_of(switched_on(s, name_of(made), "NEW_AND_OLD_IMAGES"))
    pattern = criteria if isinstance(criteria, str) else json.dumps(criteria)
    answer = connect(
        s, arn, name, BatchSize=1, MaximumBatchingWindowInSeconds=1, MaximumRetryAttempts=1,
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )  # fmt: skip
    s.match("create_event_source_mapping_response", answer)
    put(s, name_of(made), first)
    s.match("lambda-log-events", streams.events(s, name))
    put(s, name_of(made), SECOND[s.case])
    s.match("lambda-multiple-log-events", streams.events(s, name))


@scenario(SOURCE, *cases("test_dynamodb_invalid_event_filter"))
def a_filter_that_is_none(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    arn = stream_of(switched_on(s, name_of(table(s, "id"))))
    filters = {"Filters": [{"Pattern": s.case}]}
    s.match(
        "exception_event_source_creation", s.error(lambda **_: connect(s, arn, name, FilterCriteria=filters))
    )


@scenario(SOURCE, *cases("test_dynamodb_report_batch_item_failure_scenarios"))
def an_answer_that_fails_the_batch(s: Stage) -> None:
    name = functions.create(s, streams.answering(streams.ANSWERS[s.case]))["FunctionName"]
    made = table(s)
    s.match("create-table-result", made)
    url = s.queue()
    connect(
        s, stream_of(switched_on(s, name_of(made))), name, BatchSize=3, MaximumBatchingWindowInSeconds=1,
        MaximumRetryAttempts=3, FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": s.arn(url)}},
    )  # fmt: skip
    put(s, name_of(made), BINARY)
    s.match("destination_queue_messages", streams.failed_at(s, url))
    s.match("dynamodb_events", streams.events(s, name))


@scenario(SOURCE, *cases("test_dynamodb_report_batch_item_success_scenarios"))
def an_answer_that_is_a_success(s: Stage) -> None:
    name = functions.create(s, streams.answering(streams.ANSWERS[s.case]))["FunctionName"]
    made = table(s)
    s.match("create-table-result", made)
    connect(
        s, stream_of(switched_on(s, name_of(made))), name, BatchSize=1, MaximumRetryAttempts=2,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip
    put(s, name_of(made), BINARY)
    s.match("dynamodb_events", streams.events(s, name))
