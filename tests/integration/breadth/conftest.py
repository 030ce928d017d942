"""Helpers of the tests that go through the breadth of the fabric, each by a deployed template."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def taken(aws: Any, fabric: Any) -> Callable[[str], list[Any]]:
    """``taken(queue_url)``: lets everything move, then takes the bodies (JSON where they are)."""

    def take(url: str) -> list[Any]:
        fabric.run_until_idle()
        bodies: list[str] = []
        while found := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [_read(body) for body in bodies]

    return take


@pytest.fixture
def objects(aws: Any) -> Callable[[str], dict[str, bytes]]:
    """``objects(bucket)``: its keys and their content."""

    def read(bucket: str) -> dict[str, bytes]:
        found = aws.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {one["Key"]: aws.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in found}

    return read


def _read(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
