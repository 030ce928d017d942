"""EventBridge: from a bus to queues and functions, and what time starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

ENTRY = {"Source": "shop", "DetailType": "Order"}


@pytest.mark.capability("events-to-queues")
def test_a_rule_hands_the_events_that_it_matches_to_a_queue(
    stack: Any, fabric: Any, aws: Any, bodies: Callable[[str], list[str]]
) -> None:
    deployed = stack("stacks/bus.yaml", require="emulated")
    entry = {**ENTRY, "EventBusName": "live-orders"}
    answer = aws.events.put_events(
        Entries=[{**entry, "Detail": json.dumps({"total": total})} for total in (6, 5)]
    )
    assert answer["FailedEntryCount"] == 0
    fabric.run_until_idle(timeout=30)
    found = [json.loads(body) for body in bodies(deployed.queue("Orders"))]
    assert [event["detail"] for event in found] == [{"total": 6}]


def _kinds(aws: Any, table: str) -> list[str]:
    return [item["type"]["S"] for item in aws.dynamodb.scan(TableName=table)["Items"]]


@pytest.mark.capability("events")
def test_a_rule_starts_a_function(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack("stacks/worker.yaml")
    aws.events.put_events(Entries=[{**ENTRY, "Detail": "{}"}])
    fabric.run_until_idle()
    assert _kinds(aws, deployed.table("Items")) == ["Order"]


@pytest.mark.capability("schedules")
def test_a_schedule_starts_a_function(stack: Any, fabric: Any, aws: Any) -> None:
    deployed = stack("stacks/worker.yaml")
    fabric.advance(2 * 3600)
    fabric.run_until_idle()
    assert _kinds(aws, deployed.table("Items")) == ["Scheduled Event"] * 2
