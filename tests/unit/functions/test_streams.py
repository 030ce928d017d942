"""Kinesis data streams as event sources."""

from __future__ import annotations

import base64
import json

import pytest
from botocore.exceptions import ClientError

OK = "def handler(event, context):\n    return None\n"
FAIL = "def handler(event, context):\n    raise RuntimeError('no')\n"
POISON = """
import base64

def handler(event, context):
    if any(base64.b64decode(record["kinesis"]["data"]) == b"bad" for record in event["Records"]):
        raise RuntimeError("poison")
"""
PARTIAL = """
import base64

def handler(event, context):
    return {"batchItemFailures": [
        {"itemIdentifier": record["kinesis"]["sequenceNumber"]} for record in event["Records"]
        if base64.b64decode(record["kinesis"]["data"]).startswith(b"bad")
    ]}
"""


def test_records_reach_the_function_in_batches_and_in_order(lab, ingest):
    lab.function("f", OK)
    ingest.feed(BatchSize=10)
    ingest.put(*[f"r{n}" for n in range(25)])
    lab.run()
    assert ingest.batches() == [
        [f"r{n}" for n in range(start, min(start + 10, 25))] for start in range(0, 25, 10)
    ]


def test_a_record_is_that_of_aws(lab, ingest):
    lab.function("f", OK)
    ingest.feed()
    ingest.put("body", key="1301")
    lab.run()
    record = lab.events("f")[0]["Records"][0]
    kinesis = record["kinesis"]
    assert record["eventID"] == f"shardId-000000000000:{kinesis['sequenceNumber']}"
    assert kinesis["partitionKey"] == "1301"
    assert kinesis["approximateArrivalTimestamp"] == 1767225600.0
    assert record["invokeIdentityArn"] == "arn:aws:iam::123456789012:role/runs-functions"
    assert (record["eventName"], record["eventSource"]) == ("aws:kinesis:record", "aws:kinesis")
    assert record["eventSourceARN"] == ingest.arn


def test_latest_begins_with_what_comes(lab, ingest):
    lab.function("f", OK)
    ingest.put("before")
    ingest.feed(StartingPosition="LATEST")
    ingest.put("after")
    lab.run()
    assert ingest.batches() == [["after"]]


def test_a_timestamp_begins_at_that_time(lab, ingest):
    lab.function("f", OK)
    ingest.put("early")
    lab.world.advance(60)
    moment = lab.world.clock.datetime()
    lab.world.advance(60)
    ingest.put("late")
    ingest.feed(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    lab.run()
    assert ingest.batches() == [["late"]]


def test_a_batching_window_waits_for_more(lab, ingest):
    lab.function("f", OK)
    ingest.feed(MaximumBatchingWindowInSeconds=20, BatchSize=100)
    lab.run()
    ingest.put("a")
    lab.world.advance(10)
    ingest.put("b")
    assert ingest.batches() == []
    lab.run()
    assert ingest.batches() == [["a", "b"]]
    assert lab.world.clock.elapsed == 20


def test_filtered_records_advance_the_iterator(lab, ingest):
    lab.function("f", OK)
    pattern = json.dumps({"data": {"kind": ["wanted"]}})
    ingest.feed(FilterCriteria={"Filters": [{"Pattern": pattern}]})
    ingest.put('{"kind": "other"}', '{"kind": "wanted"}', "no json")
    lab.run()
    assert ingest.batches() == [['{"kind": "wanted"}']]
    ingest.put('{"kind": "wanted", "n": 2}')
    lab.run()
    assert len(ingest.batches()) == 2


def test_a_failed_batch_blocks_its_shard_until_its_retries_are_used_up(lab, ingest):
    lab.function("f", POISON)
    url = lab.queue("failed")
    target = {"OnFailure": {"Destination": lab.arn(url)}}
    ingest.feed(BatchSize=1, MaximumRetryAttempts=2, DestinationConfig=target)
    ingest.put("bad", "good")
    lab.run()
    assert ingest.batches() == [["bad"], ["bad"], ["bad"], ["good"]]
    (document,) = ingest.documents(url)
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 3
    assert document["responseContext"]["functionError"] == "Unhandled"
    info = document["KinesisBatchInfo"]
    first = lab.events("f")[0]["Records"][0]["kinesis"]["sequenceNumber"]
    assert info["startSequenceNumber"] == info["endSequenceNumber"] == first
    assert (info["shardId"], info["batchSize"]) == ("shardId-000000000000", 1)
    assert info["streamArn"] == ingest.arn
    assert info["approximateArrivalOfFirstRecord"] == "2026-01-01T00:00:00.000Z"


def test_bisecting_isolates_the_poison(lab, ingest):
    lab.function("f", POISON)
    url = lab.queue("failed")
    target = {"OnFailure": {"Destination": lab.arn(url)}}
    ingest.feed(BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, DestinationConfig=target)
    ingest.put("a", "b", "bad", "d")
    lab.run()
    assert ingest.batches() == [["a", "b", "bad", "d"], ["a", "b"], ["bad", "d"], ["bad"], ["bad"], ["d"]]
    assert len(ingest.documents(url)) == 1


def test_a_record_older_than_the_mapping_allows_is_given_up(lab, ingest):
    lab.function("f", FAIL)
    url = lab.queue("failed")
    target = {"OnFailure": {"Destination": lab.arn(url)}}
    ingest.feed(MaximumRecordAgeInSeconds=60, DestinationConfig=target)
    ingest.put("old")
    lab.run()
    (document,) = ingest.documents(url)
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert lab.world.clock.elapsed > 60


def test_without_limits_a_failing_batch_is_tried_until_it_leaves_the_stream(lab, ingest):
    lab.function("f", FAIL)
    ingest.feed()
    ingest.put("stuck")
    lab.world.advance(23 * 3600)
    before = len(ingest.batches())
    assert before > 20
    lab.world.advance(2 * 3600)
    after = len(ingest.batches())
    lab.world.advance(3600)
    assert len(ingest.batches()) == after > before


def test_reported_failures_are_tried_again_from_the_first_on(lab, ingest):
    lab.function("f", PARTIAL)
    ingest.feed(FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=1)
    ingest.put("a", "bad", "c")
    lab.run()
    assert ingest.batches() == [["a", "bad", "c"], ["bad", "c"], ["bad", "c"]]


def test_a_key_keeps_its_order_at_any_parallelization(lab, ingest):
    lab.function("f", "import time\n\ndef handler(event, context):\n    time.sleep(1)\n", Timeout=30)
    ingest.feed(ParallelizationFactor=10, BatchSize=1)
    for number in range(20):
        ingest.put(f"{number}", key=f"key{number % 5}")
    lab.run()
    seen = [(r["kinesis"]["partitionKey"], r) for e in lab.events("f") for r in e["Records"]]
    assert len(seen) == 20
    for key in {key for key, _ in seen}:
        order = [int(base64.b64decode(r["kinesis"]["data"])) for k, r in seen if k == key]
        assert order == sorted(order)
    assert lab.world.clock.elapsed < 20


def test_shards_are_handled_side_by_side(lab, make_ingest):
    ingest = make_ingest(shards=4)
    lab.function("f", "import time\n\ndef handler(event, context):\n    time.sleep(1)\n", Timeout=30)
    ingest.feed(BatchSize=1)
    for number in range(8):
        key = str(number // 2 * (2**126) + 1)
        ingest.client.put_record(StreamName="s", Data=b"x", PartitionKey="k", ExplicitHashKey=key)
    lab.run()
    assert len(lab.events("f")) == 8
    assert lab.world.clock.elapsed == 2


def test_children_wait_for_their_parents(lab, ingest):
    lab.function("f", "def handler(event, context):\n    raise RuntimeError('no')\n")
    ingest.feed(MaximumRetryAttempts=2, BatchSize=1)
    ingest.put("parent")
    lab.run_for = lab.world.advance
    lab.world.advance(0)
    ingest.client.split_shard(
        StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    ingest.put("child")
    lab.run()
    assert ingest.batches() == [["parent"]] * 3 + [["child"]] * 3
    shards = [event["Records"][0]["eventID"].split(":")[0] for event in lab.events("f")]
    assert shards[0] == "shardId-000000000000" != shards[-1]


def test_a_disabled_mapping_keeps_its_place(lab, ingest):
    lab.function("f", OK)
    made = ingest.feed(StartingPosition="LATEST")
    lab.run()
    ingest.put("one")
    lab.run()
    lab.aws.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
    ingest.put("two")
    lab.run()
    assert ingest.batches() == [["one"]]
    lab.aws.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
    lab.run()
    assert ingest.batches() == [["one"], ["two"]]


def test_a_deleted_mapping_reads_no_more(lab, ingest):
    lab.function("f", OK)
    made = ingest.feed()
    lab.run()
    lab.aws.delete_event_source_mapping(UUID=made["UUID"])
    ingest.put("one")
    lab.run()
    assert ingest.batches() == []


def test_a_changed_parallelization_loses_nothing(lab, ingest):
    lab.function("f", OK)
    made = ingest.feed(BatchSize=1)
    ingest.put("a", key="1")
    lab.run()
    lab.aws.update_event_source_mapping(UUID=made["UUID"], ParallelizationFactor=4)
    for number in range(8):
        ingest.put(f"n{number}", key=str(number))
    lab.run()
    assert sorted(one for batch in ingest.batches() for one in batch) == ["a", *[f"n{n}" for n in range(8)]]


def test_a_throttled_batch_is_not_lost_and_no_retry(lab, ingest):
    lab.function("f", OK)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    ingest.feed(MaximumRetryAttempts=0)
    ingest.put("a")
    lab.world.advance(30)
    lab.aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    lab.run()
    assert ingest.batches() == [["a"]]


def test_a_world_taken_back_reads_again_from_there(lab, ingest):
    lab.function("f", OK)
    ingest.feed()
    ingest.put("one")
    lab.run()
    kept = lab.world.snapshot()
    for _ in range(2):
        ingest.put("two")
        lab.run()
        assert ingest.batches()[-1] == ["two"]
        lab.world.restore(kept)
    assert len(ingest.batches()) == 3


def test_a_waiting_retry_survives_a_snapshot(lab, ingest):
    lab.function("f", POISON)
    ingest.feed(MaximumRetryAttempts=1)
    ingest.put("bad")
    lab.world.advance(0)
    kept = lab.world.snapshot()
    lab.run()
    lab.world.restore(kept)
    lab.run()
    assert ingest.batches() == [["bad"]] * 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp"),
        ({"BatchSize": 10001}, "less than or equal to 10000"),
        ({"MaximumRecordAgeInSeconds": 30}, "at least 60"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:lambda:us-east-1:1:function:x"}}},
            "queue",
        ),
        ({"ParallelizationFactor": 11}, "less than or equal to 10"),
    ],
)
def test_settings_out_of_their_bounds_are_refused(lab, ingest, settings, words):
    lab.function("f", OK)
    with pytest.raises(ClientError, match=words):
        ingest.feed(**settings)


def test_a_mapping_needs_a_starting_position_and_a_stream(lab, ingest):
    lab.function("f", OK)
    create = lab.aws.create_event_source_mapping
    with pytest.raises(ClientError, match="startingPosition"):
        create(EventSourceArn=ingest.arn, FunctionName="f")
    with pytest.raises(ClientError, match="Stream not found"):
        create(EventSourceArn=ingest.arn + "x", FunctionName="f", StartingPosition="LATEST")


def test_a_registered_consumer_is_a_source_of_its_own(lab, ingest):
    lab.function("f", OK)
    consumer = ingest.client.register_stream_consumer(StreamARN=ingest.arn, ConsumerName="c")["Consumer"]
    lab.aws.create_event_source_mapping(
        EventSourceArn=consumer["ConsumerARN"], FunctionName="f", StartingPosition="LATEST"
    )
    lab.run()
    ingest.put("a")
    lab.run()
    assert ingest.batches() == [["a"]]
    assert lab.events("f")[0]["Records"][0]["eventSourceARN"] == consumer["ConsumerARN"]


def test_a_smaller_parallelization_waits_for_what_is_in_flight(lab, ingest):
    slow = "import time\n\ndef handler(event, context):\n    time.sleep(10)\n"
    lab.function("f", slow, Timeout=30)
    made = ingest.feed(ParallelizationFactor=4, BatchSize=1)
    for number in range(12):
        ingest.put(f"{number}", key=f"key{number % 4}")
    lab.world.advance(5)
    lab.aws.update_event_source_mapping(UUID=made["UUID"], ParallelizationFactor=1)
    lab.run()
    seen = [(r["kinesis"]["partitionKey"], r) for e in lab.events("f") for r in e["Records"]]
    for key in {key for key, _ in seen}:
        order = [int(base64.b64decode(r["kinesis"]["data"])) for k, r in seen if k == key]
        assert sorted(set(order)) == [n for n in range(12) if f"key{n % 4}" == key]
        assert order[-1] == max(order)


def test_metrics_tell_how_old_the_records_are_and_how_many_came(lab, ingest):
    lab.function("f", FAIL)
    ingest.feed()
    ingest.put("a", "bc")
    lab.world.advance(3600)
    watch = lab.backend.client("cloudwatch")

    def most(namespace, metric, dimension, value, statistic):
        points = watch.get_metric_statistics(
            Namespace=namespace, MetricName=metric, Dimensions=[{"Name": dimension, "Value": value}],
            StartTime=1767225600, EndTime=lab.world.clock.now + 60, Period=3600, Statistics=[statistic],
        )["Datapoints"]  # fmt: skip
        return max(point[statistic] for point in points)

    assert most("AWS/Lambda", "IteratorAge", "FunctionName", "f", "Maximum") > 3_400_000
    assert most("AWS/Kinesis", "IncomingRecords", "StreamName", "s", "Sum") == 2
    assert most("AWS/Kinesis", "IncomingBytes", "StreamName", "s", "Sum") == 5


def test_progress_within_a_batch_gives_the_rest_all_its_retries(lab, ingest):
    code = """
    calls = []

    def handler(event, context):
        calls.append(len(event["Records"]))
        if len(calls) == 1:
            raise RuntimeError("nothing at all")
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][-1]["kinesis"]["sequenceNumber"]}]}
    """
    lab.function("f", code)
    ingest.feed(FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=1)
    ingest.put("a", "b")
    lab.run()
    assert ingest.batches() == [["a", "b"], ["a", "b"], ["b"], ["b"]]
