"""stream-ingestion: each reading is stored once, in whatever batch; what is no reading is set apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stackproof.fabric.choice import Seeded

SENSOR, READING = "1301", "15.4|2020-08-22T01:16:36+00:00"
Put = Callable[..., None]


def at(minute: int, value: float = 20.5) -> str:
    return f"{value}|2020-08-22T01:{minute:02d}:00+00:00"


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/stream-ingestion", config="test")


@pytest.fixture
def put(system: Any, aws: Any) -> Put:
    """``put("1301", reading, …)`` puts readings on the stream in one call."""

    def call(sensor: str, *readings: str) -> None:
        records = [{"PartitionKey": sensor, "Data": one.encode()} for one in readings]
        answer = aws("kinesis").put_records(StreamName=system.outputs["StreamName"], Records=records)
        assert answer["FailedRecordCount"] == 0

    return call


@pytest.fixture
def stored(system: Any, look: Any) -> Callable[[], dict[tuple[str, str], str]]:
    """``stored()``: value by sensor and time."""
    return lambda: {
        (item["partitionKey"], item["timestamp"]): item["value"]
        for item in look.items(system.table("Stored"))
    }


def test_the_record_of_the_post_is_stored(put: Put, fabric: Any, stored: Any) -> None:
    put(SENSOR, READING)
    fabric.run_until_idle()
    assert stored() == {("1301", "2020-08-22T01:16:36+00:00"): "15.4"}


def test_the_table_scales_from_1_to_50_at_half_of_its_capacity(system: Any, aws: Any) -> None:
    scaling, table = aws("application-autoscaling"), f"table/{system.table('Stored')}"
    targets = scaling.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    bounds = {one["ScalableDimension"]: (one["MinCapacity"], one["MaxCapacity"]) for one in targets}
    assert {one["ResourceId"] for one in targets} == {table}
    assert bounds == {
        "dynamodb:table:ReadCapacityUnits": (1, 50),
        "dynamodb:table:WriteCapacityUnits": (1, 50),
    }
    policies = scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
    wanted = [one["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for one in policies]
    assert wanted == [50.0, 50.0]


def test_the_stream_is_encrypted_and_bisected(system: Any, aws: Any) -> None:
    name = system.outputs["StreamName"]
    summary = aws("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", system["ReadingsKey"].attributes["Arn"])
    (mapping,) = aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == system["FailedReadings"].arn


def test_a_reading_put_twice_is_stored_once(put: Put, fabric: Any, stored: Any) -> None:
    put(SENSOR, READING, READING)
    put(SENSOR, READING)
    fabric.run_until_idle()
    assert len(stored()) == 1


def test_a_thousand_readings_of_ten_sensors_arrive(put: Put, fabric: Any, stored: Any) -> None:
    for minute in range(50):
        for sensor in range(10):
            put(f"sensor {sensor}", at(minute), at(minute, 21.5).replace("22T", "23T"))
    fabric.run_until_idle()
    assert len(stored()) == 1000


def test_of_two_values_for_one_moment_the_later_one_stays(put: Put, fabric: Any, stored: Any) -> None:
    for value in range(20):
        put(SENSOR, at(1, value))
    fabric.run_until_idle()
    assert set(stored().values()) == {"19"}


@pytest.mark.parametrize(
    "poison", ["no bar", "warm|2020-08-22T01:16:36+00:00", "15.4|yesterday", "NaN|2020-08-22T01:16:36+00:00"]
)
def test_what_is_no_reading_stands_alone_in_the_destination(
    poison: str, put: Put, system: Any, fabric: Any, stored: Any, look: Any
) -> None:
    put(SENSOR, *[at(minute) for minute in range(7)], poison, *[at(minute) for minute in range(7, 15)])
    fabric.run_until_idle()
    assert len(stored()) == 15
    (message,) = look.take(system.queue("FailedReadings"))
    document = json.loads(message["Body"])
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 6
    assert document["KinesisBatchInfo"]["batchSize"] == 1


def test_the_destination_tells_where_the_record_still_stands(
    put: Put, system: Any, fabric: Any, aws: Any, look: Any
) -> None:
    put(SENSOR, at(1), "poison")
    fabric.run_until_idle()
    (message,) = look.take(system.queue("FailedReadings"))
    place = json.loads(message["Body"])["KinesisBatchInfo"]
    kinesis = aws("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamARN=place["streamArn"],
        ShardId=place["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=place["startSequenceNumber"],
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"]
    assert [record["Data"] for record in records] == [b"poison"]


def test_a_table_that_throttles_loses_nothing(put: Put, fabric: Any, faults: Any, stored: Any) -> None:
    refused = faults.refuse(
        "dynamodb.PutItem", "ProvisionedThroughputExceededException", lambda _: True, times=3
    )
    put(SENSOR, *[at(minute) for minute in range(10)])
    fabric.run_until_idle()
    assert len(refused) == 3
    assert len(stored()) == 10


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("passed", [0, 1, 4])
def test_a_crash_at_any_call_converges(
    side: str, passed: int, put: Put, system: Any, fabric: Any, faults: Any, stored: Any, look: Any
) -> None:
    died = faults.crash(f"{side} dynamodb.PutItem", after=passed)
    put(SENSOR, *[at(minute) for minute in range(5)])
    fabric.run_until_idle()
    assert len(died) == 1
    assert len(stored()) == 5
    assert look.waiting(system.queue("FailedReadings")) == 0


SCHEDULES = [
    pytest.param(seed, marks=pytest.mark.fabric(chooser=Seeded(seed)), id=f"schedule {seed}")
    for seed in range(5)
]


@pytest.mark.parametrize("seed", SCHEDULES)
def test_resharding_keeps_every_reading_and_the_order_of_a_sensor(
    seed: int, stack: Any, fabric: Any, aws: Any, look: Any
) -> None:
    system = stack("templates/stream-ingestion", config="test")
    kinesis, name = aws("kinesis"), system.outputs["StreamName"]
    for count, value in ((2, 1), (4, 2), (2, 3)):
        for sensor in range(6):
            kinesis.put_record(StreamName=name, PartitionKey=f"{sensor}", Data=at(1, value).encode())
            kinesis.put_record(StreamName=name, PartitionKey=f"{sensor}", Data=at(1 + value).encode())
        kinesis.update_shard_count(StreamName=name, TargetShardCount=count, ScalingType="UNIFORM_SCALING")
    fabric.run_until_idle()
    items = look.items(system.table("Stored"))
    latest = [item["value"] for item in items if item["timestamp"].startswith("2020-08-22T01:01")]
    assert (len(items), set(latest)) == (24, {"3"})
