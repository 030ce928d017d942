"""Buckets that tell of their objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest


def _told(bodies: list[str]) -> list[tuple[str, str]]:
    records = [json.loads(body)["Records"][0] for body in bodies if "Records" in body]
    return [
        (record["eventName"].partition(":")[0], unquote_plus(record["s3"]["object"]["key"]))
        for record in records
    ]


@pytest.mark.capability("s3-to-queues")
def test_a_queue_hears_of_the_objects_that_the_filter_names(
    stack: Any, fabric: Any, aws: Any, bodies: Callable[[str], list[str]]
) -> None:
    deployed = stack("stacks/bucket.yaml", require="emulated")
    bucket = deployed["Bucket"].physical_id
    for key in ("in/a.json", "in/b.txt", "out/c.json"):
        aws.s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    fabric.run_until_idle(timeout=30)
    assert _told(bodies(deployed.queue("Created"))) == [("ObjectCreated", "in/a.json")]


@pytest.mark.capability("s3-to-queues")
def test_a_topic_hears_of_removed_objects(
    stack: Any, fabric: Any, aws: Any, bodies: Callable[[str], list[str]]
) -> None:
    deployed = stack("stacks/bucket.yaml")
    bucket = deployed["Bucket"].physical_id
    aws.s3.put_object(Bucket=bucket, Key="in/b.txt", Body=b"{}")
    aws.s3.delete_object(Bucket=bucket, Key="in/b.txt")
    fabric.run_until_idle(timeout=30)
    assert _told(bodies(deployed.queue("Removed"))) == [("ObjectRemoved", "in/b.txt")]
