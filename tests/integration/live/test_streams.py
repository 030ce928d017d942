"""Kinesis to Lambda to DynamoDB to Lambda to DynamoDB: order, bisection, what is given up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

STACK = "stacks/streams.yaml"


def _put(aws: Any, stream: str, *bodies: Any, key: str = "k") -> None:
    records = [{"Data": json.dumps(body).encode(), "PartitionKey": key} for body in bodies]
    answer = aws.kinesis.put_records(StreamName=stream, Records=records)
    assert answer.get("FailedRecordCount", 0) == 0


def _items(aws: Any, table: str) -> dict[str, dict[str, str]]:
    found = aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return {
        item["id"]["S"]: {name: value["S"] for name, value in item.items() if name != "id"} for item in found
    }


@pytest.mark.capability("streams")
def test_records_reach_the_table_and_changes_the_copy(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK, require="emulated")
    stream = deployed["Stream"].physical_id
    for number in range(6):
        _put(aws, stream, {"id": f"{number}", "value": "first"}, key=f"key{number}")
    fabric.run_until_idle(timeout=30)
    assert _items(aws, deployed.table("Items")) == {f"{n}": {"value": "first"} for n in range(6)}
    assert _items(aws, deployed.table("Copies")) == {
        f"{n}": {"value": "first", "how": "INSERT"} for n in range(6)
    }


@pytest.mark.capability("streams")
def test_the_records_of_a_key_keep_their_order(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack(STACK)
    _put(aws, deployed["Stream"].physical_id, *[{"id": "a", "value": f"{number}"} for number in range(25)])
    fabric.run_until_idle(timeout=30)
    assert _items(aws, deployed.table("Items")) == {"a": {"value": "24"}}
    assert _items(aws, deployed.table("Copies")) == {"a": {"value": "24", "how": "MODIFY"}}


@pytest.mark.capability("streams")
def test_a_poison_record_is_isolated_and_named(
    stack: Any, fabric: Any, aws: Any, bodies: Callable[[str], list[str]]
) -> None:
    deployed = stack(STACK)
    good = [{"id": f"{number}", "value": "v"} for number in range(4)]
    _put(aws, deployed["Stream"].physical_id, *good[:2], {"poison": True}, *good[2:])
    fabric.run_until_idle(timeout=40)
    assert sorted(_items(aws, deployed.table("Items"))) == ["0", "1", "2", "3"]
    [document] = [json.loads(body) for body in bodies(deployed.queue("Failed"))]
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
