"""driving-data-lake: each frame is in the lake once, without its vehicle's number, by the fleet's clock."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

VIN, OTHER = "WVWZZZ1JZXW000001", "WVWZZZ1JZXW000002"
START = 1_795_312_800_000
Publish = Callable[..., None]


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/driving-data-lake", config="test")


def frame(sequence: int, **changed: Any) -> dict[str, Any]:
    known = {"vin": VIN, "sequence": sequence, "vehicleTime": START + 100 * sequence, "clockOffset": 0}
    return {**known, "speedKmh": 50.5, "yawRate": 0.0, **changed}


@pytest.fixture
def publish(system: Any, aws: Any) -> Publish:
    """``publish(frame(1), …)``: each is published by its vehicle; text goes as it is."""

    def call(*frames: dict[str, Any] | str) -> None:
        for one in frames:
            payload = one if isinstance(one, str) else json.dumps(one)
            aws("iot-data").publish(topic="vehicles/7/telemetry", qos=1, payload=payload.encode())

    return call


@pytest.fixture
def lake(system: Any, aws: Any, fabric: Any) -> Callable[[], list[dict[str, Any]]]:
    """``lake()``: what stands in the lake after the stream has delivered, in the order of sequence."""

    def read() -> list[dict[str, Any]]:
        fabric.advance(200)
        s3, name = aws("s3"), system.outputs["LakeName"]
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=name).get("Contents", [])]
        assert all(key.startswith("telemetry/day=") for key in keys)
        texts = [gzip.decompress(s3.get_object(Bucket=name, Key=key)["Body"].read()) for key in keys]
        found = [json.loads(line) for text in texts for line in text.splitlines()]
        return sorted(found, key=lambda one: one["sequence"])

    return read


def test_frames_arrive_with_a_pseudonym_and_without_the_number(publish: Publish, lake: Any) -> None:
    publish(*[frame(number) for number in range(5)], frame(5, vin=OTHER))
    found = lake()
    assert [one["sequence"] for one in found] == list(range(6))
    assert len({one["vehicle"] for one in found}) == 2
    assert VIN not in json.dumps(found)
    assert OTHER not in json.dumps(found)


def test_frames_that_come_twice_are_kept_once(publish: Publish, lake: Any) -> None:
    publish(frame(1), frame(1), frame(2))
    assert [one["sequence"] for one in lake()] == [1, 2]
    publish(frame(2), frame(3))
    assert [one["sequence"] for one in lake()] == [1, 2, 3]


@pytest.mark.parametrize(
    "corrupt",
    [
        '{"vin": "WVWZZZ1JZXW0',
        frame(9, vin="short"),
        frame(9, speedKmh="fast"),
        frame(9, yawRate=None),
        frame(9, vehicleTime=True),
        frame(9, vehicleTime=1e300),
        '["no", "frame"]',
    ],
)
def test_a_corrupt_frame_is_removed_and_takes_no_other_with_it(
    corrupt: dict[str, Any] | str, publish: Publish, lake: Any
) -> None:
    publish(frame(1), corrupt, frame(2))
    assert [one["sequence"] for one in lake()] == [1, 2]


def test_clocks_of_vehicles_are_aligned(publish: Publish, lake: Any) -> None:
    publish(
        frame(1, vehicleTime=START + 250, clockOffset=250), frame(2, vehicleTime=START - 90, clockOffset=-90)
    )
    assert len({one["at"] for one in lake()}) == 1


def test_scenes_are_in_the_catalogue_by_their_tag(publish: Publish, lake: Any, system: Any, aws: Any) -> None:
    publish(frame(1, speedKmh=130), frame(2, speedKmh=130.5), frame(3, yawRate=12.5), frame(4, yawRate=-40.0))
    lake()
    found = {}
    for tag in ("high velocity", "left turn"):
        answer = aws("dynamodb").query(
            TableName=system.outputs["ScenesName"],
            IndexName="by-tag",
            KeyConditionExpression="tag = :tag",
            ExpressionAttributeValues={":tag": {"S": tag}},
        )
        found[tag] = [one["speedKmh"]["N"] for one in answer["Items"]]
    assert found == {"high velocity": ["130.5"], "left turn": ["50.5"]}


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("passed", [0, 2, 5])
def test_a_function_that_dies_loses_no_frame(
    side: str, passed: int, publish: Publish, lake: Any, faults: Any
) -> None:
    died = faults.crash(f"{side} dynamodb.PutItem", after=passed)
    publish(*[frame(number, speedKmh=140) for number in range(4)])
    assert [one["sequence"] for one in lake()] == [0, 1, 2, 3]
    assert len(died) == 1
