"""What was asked of queues as event sources of functions."""

from __future__ import annotations

import json
from typing import Any

import functions
from stage import Mismatch, Stage, recordings, scenario

SOURCE = "sqs-event-source"


def connect(s: Stage, url: str, name: str, **settings: Any) -> Any:
    return s.backend.client("lambda").create_event_source_mapping(
        EventSourceArn=s.arn(url), FunctionName=name, **settings
    )


def received(s: Stage, url: str) -> Any:
    return s.json.receive_message(QueueUrl=url, WaitTimeSeconds=15, MaxNumberOfMessages=1)


def nothing_left(s: Stage, url: str) -> None:
    if received(s, url).get("Messages"):
        raise Mismatch("the message was not deleted")


@scenario(SOURCE, "test_duplicate_event_source_mappings")
def one_mapping_for_a_queue_and_a_function(s: Stage) -> None:
    first = functions.create(s, functions.ECHO)["FunctionName"]
    url = s.queue()
    s.match("create", connect(s, url, first))
    s.match("error", s.error(lambda **_: connect(s, url, first)))
    connect(s, url, functions.create(s, functions.ECHO)["FunctionName"])


@scenario(SOURCE, "test_esm_with_not_existing_sqs_queue")
def a_queue_that_is_not_there(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    client = s.backend.client("lambda")
    arn = "arn:aws:sqs:us-east-1:111111111111:nowhere"
    s.match("error", s.error(client.create_event_source_mapping, EventSourceArn=arn, FunctionName=name))


@scenario(SOURCE, "test_event_source_mapping_default_batch_size")
def batches_above_ten_need_a_window(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    made = connect(s, s.queue(), name)
    s.match("create-event-source-mapping", made)
    update = s.backend.client("lambda").update_event_source_mapping
    refused = s.error(update, UUID=made["UUID"], FunctionName=name, BatchSize=11)
    s.match("invalid-update-event-source-mapping", refused)
    other = s.queue()
    refused = s.error(lambda **_: connect(s, other, name, BatchSize=11))
    s.match("invalid-create-event-source-mapping", refused)


@scenario(SOURCE, "test_failing_lambda_retries_after_visibility_timeout")
def a_failed_message_returns(s: Stage) -> None:
    destination = s.queue("destination")
    s.match("get_destination_queue_url", s.json.get_queue_url(QueueName="destination"))
    name = functions.create(s, functions.FAIL_AT_FIRST, Timeout=5)["FunctionName"]
    url = s.queue(VisibilityTimeout="5")
    made = connect(s, url, name, BatchSize=1)
    got = s.backend.client("lambda").get_event_source_mapping(UUID=made["UUID"])
    s.match("event_source_mapping", got)
    s.json.send_message(
        QueueUrl=url, MessageBody=json.dumps({"destination": destination, "fail_attempts": 1})
    )
    started = s.world.clock.now
    s.match("first_attempt", received(s, destination))
    s.match("second_attempt", received(s, destination))
    if s.world.clock.now < started + 5:
        raise Mismatch("the second attempt came before the visibility timeout")
    nothing_left(s, url)


@scenario(SOURCE, "test_fifo_message_group_parallelism")
def a_group_is_handled_one_after_the_other(s: Stage) -> None:
    client = s.backend.client("lambda")
    name = functions.create(s, functions.SLEEP, Timeout=10)["FunctionName"]
    url = s.queue(FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="60")
    made = connect(s, url, name, Enabled=False, BatchSize=1)
    s.match("create_esm_disabled", made)
    for number in range(5):
        s.json.send_message(QueueUrl=url, MessageBody=f"message {number}", MessageGroupId="the-group")
    s.match("update_esm_enabling", client.update_event_source_mapping(UUID=made["UUID"], Enabled=True))
    s.match("get_esm_enabled", client.get_event_source_mapping(UUID=made["UUID"]))
    s.wait(60)
    streams = s.backend.client("logs").describe_log_streams(logGroupName=f"/aws/lambda/{name}")
    if len(streams["logStreams"]) != 1:
        raise Mismatch("messages of one group were handled in parallel")


@scenario(SOURCE, "test_report_batch_item_failures_invalid_result_json_batch_fails")
def an_answer_without_identifiers_fails_the_batch(s: Stage) -> None:
    destination = s.queue("destination")
    s.match("get_destination_queue_url", s.json.get_queue_url(QueueName="destination"))
    variables = {"QUEUE": destination, "RESULT": '{"batchItemFailures": [{"foo": "notvalid"}]}'}
    name = functions.create(s, functions.BATCH_FAILURES, Timeout=4, variables=variables)["FunctionName"]
    dead = s.queue()
    redrive = json.dumps({"deadLetterTargetArn": s.arn(dead), "maxReceiveCount": 2})
    url = s.queue(VisibilityTimeout="4", RedrivePolicy=redrive)
    connect(s, url, name, FunctionResponseTypes=["ReportBatchItemFailures"])
    s.json.send_message(QueueUrl=url, MessageBody='{"message": 1, "fail_attempts": 0}')
    s.match("first_invocation", received(s, destination))
    s.match("second_invocation", received(s, destination))
    s.match("dlq_response", received(s, dead))


MISSES: dict[str, str] = {
    "filter4-item_matching4-this is a test string": "this is a test string",
    "numeric-bigger": '{"my-number": 100}',
    "numeric-smaller": '{"my-number": 100}',
    "filter6-item_matching6-item_not_matching6": '{"test2": 200}',
    "and-filter": '{"testItem": "test24", "test2": "no"}',
}
"""What must not pass a filter, where a general miss would not say enough."""

FILTERS = tuple(
    name
    for name, content in recordings(SOURCE).items()
    if name.startswith("test_sqs_event_filter[") and content
)


@scenario(SOURCE, *FILTERS)
def a_filter_lets_one_of_two_through(s: Stage) -> None:
    recorded = recordings(SOURCE)[s.name]
    pattern = recorded["create_event_source_mapping_response"]["FilterCriteria"]["Filters"][0]["Pattern"]
    passing = recorded["invocation_events"][0]["Records"][0]["body"]
    name = functions.create(s, functions.ECHO)["FunctionName"]
    url = s.queue()
    s.json.send_message(QueueUrl=url, MessageBody=json.dumps(passing))
    s.json.send_message(QueueUrl=url, MessageBody=MISSES.get(s.case, '{"other": "value"}'))
    filters = {"Filters": [{"Pattern": json.dumps(pattern)}]}
    made = connect(s, url, name, MaximumBatchingWindowInSeconds=1, FilterCriteria=filters)
    s.match("create_event_source_mapping_response", made)
    s.match("invocation_events", functions.printed(s, name))
    nothing_left(s, url)


@scenario(SOURCE, "test_sqs_invalid_event_filter[None]", "test_sqs_invalid_event_filter[invalid_filter3]")
def a_filter_that_is_none(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    url = s.queue()
    pattern = "null" if s.case == "None" else '{"eventSource": []}'
    filters = {"Filters": [{"Pattern": pattern}]}
    refused = s.error(lambda **_: connect(s, url, name, FilterCriteria=filters))
    s.match("create_event_source_mapping_exception", refused)


@scenario(SOURCE, "test_sqs_event_source_mapping")
def a_message_arrives(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    url = s.queue()
    s.match("create-event-source-mapping-response", connect(s, url, name, MaximumBatchingWindowInSeconds=1))
    s.json.send_message(QueueUrl=url, MessageBody='{"foo": "bar"}')
    s.match("events", functions.printed(s, name))
    nothing_left(s, url)


@scenario(
    SOURCE,
    "test_sqs_event_source_mapping_batch_size[15]",
    "test_sqs_event_source_mapping_batch_size[10000]",
)
def large_batches(s: Stage) -> None:
    destination, url = s.queue(), s.queue()
    name = functions.create(s, functions.FORWARD_RECORDS, variables={"QUEUE": destination})["FunctionName"]
    made = connect(s, url, name, BatchSize=int(s.case), MaximumBatchingWindowInSeconds=10)
    s.match("create-event-source-mapping-response", made)
    for group, count in ((0, 10), (1, 5)):
        entries = [
            {"Id": f"{number}-{group}", "MessageBody": f"{number}-{group}-message-{number}"}
            for number in range(count)
        ]
        s.match(
            f"send-message-batch-result-{count}", s.json.send_message_batch(QueueUrl=url, Entries=entries)
        )
    s.match("Records", sorted(_batches(s, destination)[1], key=lambda record: str(record["body"])))


def _batches(s: Stage, url: str) -> tuple[int, list[Any]]:
    """The number of batches that a function forwarded, and their records."""
    messages = s.receive(url, MaxNumberOfMessages=10).get("Messages", [])
    return len(messages), [record for message in messages for record in json.loads(message["Body"])]


@scenario(SOURCE, "test_sqs_event_source_mapping_batching_reserved_concurrency")
def two_at_a_time(s: Stage) -> None:
    client = s.backend.client("lambda")
    destination, url = s.queue(), s.queue()
    name = functions.create(s, functions.FORWARD_RECORDS, variables={"QUEUE": destination})["FunctionName"]
    reserved = client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    s.match("put_concurrency_resp", reserved)
    made = connect(
        s, url, name, BatchSize=20, MaximumBatchingWindowInSeconds=1, ScalingConfig={"MaximumConcurrency": 2}
    )
    s.match("create-event-source-mapping-response", made)
    for group in range(3):
        entries = [{"Id": f"{n}-{group}", "MessageBody": f"{n}-{group}-message"} for n in range(10)]
        s.json.send_message_batch(QueueUrl=url, Entries=entries)
    count, records = _batches(s, destination)
    s.match("batch_info", {"total_batches_received": count})
    s.match("Records", sorted(records, key=lambda record: str(record["body"])))


@scenario(SOURCE, "test_sqs_event_source_mapping_update")
def a_mapping_moves_to_the_next_version(s: Stage) -> None:
    client = s.backend.client("lambda")
    name = functions.create(s, functions.ECHO_WITH_VERSION)["FunctionName"]

    def publish(value: str) -> str:
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"CUSTOM_VAR": value}}
        )
        return str(client.publish_version(FunctionName=name)["FunctionArn"])

    url = s.queue()
    made = connect(s, url, publish("a"), MaximumBatchingWindowInSeconds=1)
    s.match("create-event-source-mapping-response", made)
    s.json.send_message(QueueUrl=url, MessageBody='{"foo": "bar"}')
    s.match("events", functions.printed(s, name))
    moved = client.update_event_source_mapping(UUID=made["UUID"], FunctionName=publish("b"))
    s.match("updated_esm", moved)
    s.match("updated_event_source_mapping", client.get_event_source_mapping(UUID=made["UUID"]))
    s.json.send_message(QueueUrl=url, MessageBody='{"foo": "bar2"}')
    s.match("events_postupdate", functions.printed(s, name))
    nothing_left(s, url)


@scenario(SOURCE, "test_sqs_queue_as_lambda_dead_letter_queue")
def a_queue_for_events_that_failed(s: Stage) -> None:
    client = s.backend.client("lambda")
    dead = s.queue()
    made = functions.create(s, functions.RAISE, DeadLetterConfig={"TargetArn": s.arn(dead)})
    s.match("lambda-response-dlq-config", made["DeadLetterConfig"])
    client.put_function_event_invoke_config(FunctionName=made["FunctionName"], MaximumRetryAttempts=0)
    client.invoke(FunctionName=made["FunctionName"], Payload=b'{"raise_error": 1}', InvocationType="Event")
    s.match("messages", s.receive(dead, MessageAttributeNames=["All"], VisibilityTimeout=0))
